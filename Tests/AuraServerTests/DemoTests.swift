import AuraDomain
import AuraStore
import Foundation
import Testing

@testable import AuraServer

@Suite struct DemoTests {
  /// What a folder holds, as text that two moments can be compared by.
  private struct Contents: Equatable {
    var stages: [String: String] = [:]
    var statuses: Set<WorkflowStatus> = []
    var customers = 0
    var actions = 0
    var tasks = 0
    var people: [String] = []
    var commits = 0
    /// Points, and what is open at the till, by customer.
    var points: [String: Int] = [:]
    var openBills: [String: Int] = [:]
    var rewards = 0
    var achievements = 0
  }

  private static func withFolder(_ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "aura-demo-\(UUID())").path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body(folder)
  }

  private static func contents(_ folder: String) throws -> Contents {
    try Store.look(directory: folder) { reader in
      var contents = Contents()
      let owner = try #require(try Accounts.user(reader.session, email: "owner@demo.aura"))
      let clinic = try #require(try reader.identity(user: owner.id, session: nil)?.memberships.first?.clinic)
      let rows = reader.clinicRows(clinic)
      for workflow in try rows.rows(Workflow.self, Selection()) {
        let customer = try #require(try rows.row(Customer.self, workflow.customerID))
        contents.stages[customer.fullName] = workflow.currentStage.rawValue
        contents.statuses.insert(workflow.status)
      }
      contents.customers = try rows.rows(Customer.self, Selection()).count
      contents.actions = try rows.rows(WorkflowAction.self, Selection()).count
      contents.tasks = try rows.rows(AuraDomain.Task.self, Selection()).count
      contents.people = try rows.rows(StaffMember.self, Selection()).map(\.role.rawValue).sorted()
      for profile in try rows.rows(LoyaltyProfile.self, Selection()) {
        let customer = try #require(try rows.row(Customer.self, profile.customerID))
        contents.points[customer.fullName] = profile.availablePoints
      }
      for sale in try rows.rows(PosTransaction.self, Selection()) where sale.paymentStatus == .pending {
        let customer = try #require(try rows.row(Customer.self, sale.customerID))
        contents.openBills[customer.fullName] = sale.totalSt
      }
      contents.rewards = try rows.rows(LoyaltyReward.self, Selection()).count
      contents.achievements = try rows.rows(Achievement.self, Selection()).count
      contents.commits = try reader.head(clinic: clinic)
      return contents
    }
  }

  @Test func `cases stand at every stage that a screen shows, by commands that were all taken`() throws {
    try Self.withFolder { folder in
      // Noon in Bangkok, so that no case runs over midnight.
      let now = Instant(milliseconds: 1_770_008_400_000)
      #expect(try Demo.prepare(directory: folder, password: Demo.password, now: now))
      let contents = try Self.contents(folder)
      #expect(
        contents.stages == [
          "มะลิ แก้วใส": "lead_created", "พิมพ์ชนก ทวีสุข": "scanned", "Sarah Miller": "proposal_sent",
          "กานต์ธิดา เรืองศรี": "treatment_scheduled", "สุดารัตน์ บุญมา": "treatment_scheduled",
          "อรทัย จันทร์เพ็ญ": "in_treatment", "ณัฐกานต์ พรหมดี": "treatment_completed", "James Carter": "follow_up",
        ])
      #expect(contents.customers == 8)
      #expect(contents.people == ["clinic_admin", "clinic_owner", "clinic_staff", "clinic_staff", "sales_staff"])
      #expect(contents.tasks > 0)
      #expect((contents.rewards, contents.achievements) == (4, 9))
      #expect(contents.points["มะลิ แก้วใส"] == 100)
      // 100 welcome, 500 and 50 for the treatment, 100 for the first purchase, 50 review, 120 for the cream, less 500.
      #expect(contents.points["ณัฐกานต์ พรหมดี"] == 420)
      #expect(contents.openBills == ["ณัฐกานต์ พรหมดี": 171_000])
      try Store.look(directory: folder) { reader in
        let owner = try #require(try Accounts.user(reader.session, email: "owner@demo.aura"))
        let clinic = try #require(try reader.identity(user: owner.id, session: nil)?.memberships.first?.clinic)
        let planned = try reader.clinicRows(clinic).rows(FollowUpExecution.self, Selection())
        // Two treatments, with a message and a survey each; a proposal that stands for a week.
        #expect(planned.count == 5)
        #expect(planned.allSatisfy { $0.status == .pending && $0.scheduledAt > now + .hours(12) })
        let told = try reader.clinicRows(clinic).rows(Notification.self, Selection()).filter {
          $0.metadata["rule_id"] != nil
        }
        // Two first visits to sales; one great plan to owner and admin.
        #expect(told.count == 4)
      }
    }
  }

  @Test func `a second start changes nothing, also days later`() throws {
    try Self.withFolder { folder in
      let now = Instant(milliseconds: 1_770_008_400_000)
      _ = try Demo.prepare(directory: folder, password: Demo.password, now: now)
      let before = try Self.contents(folder)
      #expect(try Demo.prepare(directory: folder, password: Demo.password, now: now + .seconds(5)))
      #expect(try Self.contents(folder) == before)
      #expect(try !Demo.prepare(directory: folder, password: "another", now: now + .seconds(10)))
      #expect(try Self.contents(folder) == before)
    }
  }

  @Test(arguments: [0, 4, 12, 16, 17, 18, 20, 23])
  func `it can be made at any hour of the day`(hour: Int) throws {
    try Self.withFolder { folder in
      let midnight = Instant(milliseconds: 1_769_990_400_000)
      _ = try Demo.prepare(directory: folder, password: Demo.password, now: midnight + .hours(hour) + .minutes(7))
      #expect(try Self.contents(folder).customers == 8)
    }
  }
}
