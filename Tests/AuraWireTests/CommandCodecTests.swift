import AuraDomain
import AuraJSON
import Testing

@testable import AuraWire

@Suite struct `A command's arguments` {
  private static let w = "01990000-0000-7000-8000-000000000001"
  private static let b = "01990000-0000-7000-8000-0000000000b1"
  private static var workflow: ID { ID(w) ?? ID(high: 0, low: 0) }
  private static var beautician: ID { ID(b) ?? ID(high: 0, low: 0) }

  private func decode(_ name: String, _ args: String) throws -> Command {
    try Command.decode(name: name, args: JSON.parse(args))
  }

  /// Every command with all of its arguments.
  private static let full: [(String, String)] = [
    (
      "initialize",
      #"{"customer":{"name":"Malee","phone":"081","nickname":"M","email":"m@x","age":30,"dateOfBirth":"1996-02-29","gender":"female","source":"ads","allergies":"latex","language":"en","referralCode":"BNABCDEFGH"},"salesId":"\#(b)","treatmentId":"\#(b)","scanId":"s","notes":"n"}"#
    ),
    ("scanCustomer", #"{"workflowId":"\#(w)","scanResults":{"a":1},"consent":{"version":"2","channel":"tablet"}}"#),
    (
      "sendProposal",
      #"{"workflowId":"\#(w)","plan":{"items":[{"treatmentId":"\#(b)","name":"x","quantity":2,"priceSt":100}],"discountSt":50,"totalSt":150}}"#
    ),
    (
      "confirmPayment",
      #"{"workflowId":"\#(w)","amountSt":500000,"paymentMethod":"PROMPTPAY","treatmentId":"\#(b)","treatmentName":"x","beauticianId":"\#(b)","scheduledTime":1770004800000,"room":"1","priority":"high","couponCode":"RWD-ABCDEFGH","override":true,"reason":"r","notes":"n"}"#
    ),
    (
      "scheduleAppointment",
      #"{"workflowId":"\#(w)","scheduledTime":1770004800000,"beauticianId":"\#(b)","durationMinutes":90,"treatmentId":"\#(b)","room":"1","priority":"urgent","override":false}"#
    ),
    ("checkIn", #"{"workflowId":"\#(w)","deviceSeq":3,"clientTime":1770001200000}"#),
    ("startTreatment", #"{"workflowId":"\#(w)","beauticianId":"\#(b)","takeover":true,"consent":{}}"#),
    ("completeTreatment", #"{"workflowId":"\#(w)","notes":"n","checklist":{"a":true},"deviceSeq":4}"#),
    ("sendFollowUp", #"{"workflowId":"\#(w)","channel":"line"}"#),
    ("closeCase", #"{"workflowId":"\#(w)"}"#),
    ("reassign", #"{"workflowId":"\#(w)","salesId":"\#(b)","beauticianId":"\#(b)","override":true,"reason":"r"}"#),
    ("noShow", #"{"workflowId":"\#(w)"}"#),
    ("abortTreatment", #"{"workflowId":"\#(w)","reason":"r"}"#),
    ("cancel", #"{"workflowId":"\#(w)","reason":"r","settlement":"refund"}"#),
    ("reopen", #"{"workflowId":"\#(w)"}"#),
    ("correct", #"{"workflowId":"\#(w)"}"#),
    ("startCycle", #"{"workflowId":"\#(w)","treatmentId":"\#(b)"}"#),
    ("transition", #"{"workflowId":"\#(w)","toStage":"in_treatment","metadata":{"takeover":true}}"#),
    (
      "createTask",
      #"{"workflowId":"\#(w)","type":"follow_up","assignedTo":"\#(b)","title":"t","description":"d","priority":"low","dueDate":1,"estimatedMinutes":5,"taskData":{},"dedupeKey":"k"}"#
    ),
    ("startTask", #"{"taskId":"\#(w)","takeover":true,"consent":{}}"#),
    ("completeTask", #"{"taskId":"\#(w)","notes":"n","deviceSeq":1,"clientTime":2}"#),
    (
      "updateTask",
      #"{"taskId":"\#(w)","status":"in_progress","priority":"critical","dueDate":5,"description":"d","assignedTo":"\#(b)","reason":"r","notes":"n"}"#
    ),
    ("claimTask", #"{"taskId":"\#(w)"}"#),
    ("setDuty", #"{"staffId":"\#(b)","duty":"break"}"#),
    ("addMember", #"{"userId":"\#(b)","role":"beautician","frontDesk":true,"skills":["laser"]}"#),
    ("changeRole", #"{"staffId":"\#(b)","role":"sales_staff","frontDesk":false,"skills":[]}"#),
    ("revokeMembership", #"{"staffId":"\#(b)","reason":"r"}"#),
    ("linkCustomer", #"{"customerId":"\#(w)","userId":"\#(b)"}"#),
    ("unlinkCustomer", #"{"customerId":"\#(w)"}"#),
    ("forgetCustomer", #"{"customerId":"\#(w)","reason":"r"}"#),
    (
      "createReward",
      #"{"name":"10%","description":"d","type":"discount_percentage","pointsCost":500,"percentBp":1000,"monetaryValueSt":0,"treatmentId":"\#(b)","isActive":true,"maxRedemptions":5,"perCustomerLimit":1,"tierRequirement":"gold","validFrom":1,"validUntil":2,"couponDays":90,"stackable":false,"autoApply":true}"#
    ),
    ("updateReward", #"{"rewardId":"\#(w)","isActive":false}"#),
    ("redeemReward", #"{"rewardId":"\#(w)","customerId":"\#(b)"}"#),
    ("cancelRedemption", #"{"redemptionId":"\#(w)"}"#),
    (
      "createAchievement",
      #"{"name":"First","description":"d","category":"spending","conditions":{"totalSpent":1},"pointsReward":100,"badgeIcon":"i","specialReward":{"percentBp":500},"isActive":true,"isSecret":false}"#
    ),
    ("updateAchievement", #"{"achievementId":"\#(w)","isSecret":true}"#),
    ("unlockAchievement", #"{"achievementId":"\#(w)","customerId":"\#(b)","override":true}"#),
    ("awardPoints", #"{"customerId":"\#(w)","points":10,"transactionId":"t","description":"d"}"#),
    ("recordReview", #"{"workflowId":"\#(w)"}"#),
    (
      "updateLoyaltySettings",
      #"{"earnRateSt":2000,"expiryMonths":12,"welcomeBonus":50,"referralBonus":0,"birthdayBonus":1,"checkInBonus":2,"reviewBonus":3,"tierBasis":"points","qualifyingMonths":12,"couponBillMinSt":50000,"couponBillMaxBp":5000}"#
    ),
    (
      "createSale",
      #"{"customerId":"\#(w)","items":[{"treatmentId":"\#(b)","name":"x","quantity":2,"priceSt":100}],"discountSt":50}"#
    ),
    ("applyCoupon", #"{"saleId":"\#(w)","code":"RWD-ABCDEFGH"}"#),
    ("removeCoupon", #"{"saleId":"\#(w)"}"#),
    ("paySale", #"{"saleId":"\#(w)","amountSt":100,"paymentMethod":"CASH"}"#),
    ("voidSale", #"{"saleId":"\#(w)"}"#),
    ("refundSale", #"{"saleId":"\#(w)","amountSt":100,"reason":"r"}"#),
    (
      "createFollowUpRule",
      #"{"name":"r","type":"post_treatment","conditions":{"daysAfter":1,"hoursAfter":0,"daysBefore":1,"hoursBefore":0,"workflowStage":"treatment_completed","customerSegment":"vip","treatmentType":["laser"],"onRequest":true},"channels":["line","sms"],"priority":"normal","active":true,"marketing":false,"words":{"th":{"subject":"s","message":"m"},"en":{"message":"m"}},"approvedTemplate":"t","variants":[{"name":"A","weight":50},{"name":"B","weight":50}]}"#
    ),
    ("updateFollowUpRule", #"{"ruleId":"\#(w)","active":false}"#),
    (
      "createFollowUpTemplate",
      #"{"name":"t","type":"post_treatment","language":"th","channel":"sms","variant":"B","subject":"s","message":"m","category":"c"}"#
    ),
    ("updateFollowUpTemplate", #"{"templateId":"\#(w)","name":"t","subject":"s","message":"m","category":"c"}"#),
    (
      "updateFollowUpSettings",
      #"{"quietFrom":21,"quietTo":7,"proposalDueDays":5,"baseUrl":"https://c1.example","contactPhone":"021234567","contactLine":"@c1"}"#
    ),
    ("cancelFollowUp", #"{"executionId":"\#(w)","reason":"r"}"#),
    ("requeueFollowUp", #"{"executionId":"\#(w)"}"#),
    (
      "recordResponse",
      #"{"executionId":"\#(w)","opened":true,"clicked":true,"delivered":true,"replyText":"1","sentiment":"positive"}"#
    ),
    (
      "updatePreferences",
      #"{"customerId":"\#(w)","channels":["line"],"language":"en","bestContactTime":"morning","timezone":"Asia/Tokyo","contentStyle":"casual","maxWeeklyContacts":1,"maxMonthlyContacts":2,"marketingOptIn":true,"whatsappOptIn":false,"doNotContact":false,"consent":{"version":"2"}}"#
    ),
    ("markNotificationRead", #"{"notificationId":"\#(w)"}"#),
    ("markAllNotificationsRead", #"{"upTo":"\#(w)"}"#),
    ("dismissNotification", #"{"notificationId":"\#(w)"}"#),
    (
      "sendNotification",
      #"{"role":"beautician","title":{"th":"ก","en":"a"},"message":"b","priority":"urgent","link":"/sales/","expiresHours":24,"dedupeKey":"k"}"#
    ),
    (
      "createAutomationRule",
      #"{"name":"n","triggerStage":"in_progress","triggerAction":"start_treatment","conditions":{"field":"visits","op":"gt","value":3},"targetAction":"add_tag","targetData":{"tag":"t"},"delayMinutes":5,"active":false}"#
    ),
    ("updateAutomationRule", #"{"ruleId":"\#(w)","triggerAction":"any","conditions":{},"active":true}"#),
    ("updateAutomationSettings", #"{"bonusPointsPerMonth":500}"#),
  ]

  @Test func `of every command are read in full, under its own name`() throws {
    for (name, args) in Self.full { #expect(try decode(name, args).name == name) }
    #expect(Set(Self.full.map(\.0)).union(["inviteMember"]) == Set(Command.names))
    #expect(Command.names.count == Set(Command.names).count)
  }

  @Test func `of every command that are unknown, missing or of another kind are refused at their place`() throws {
    for (name, text) in Self.full {
      let args = try #require(try JSON.parse(text).object)
      var stranger = args
      stranger["colour"] = "red"
      #expect(path(name, .object(stranger)) == "args.colour", "\(name)")
      for member in args.members {
        var wrong = args
        // Nothing takes a list of lists.
        wrong[member.name] = [[]]
        #expect(path(name, .object(wrong))?.hasPrefix("args.\(member.name)") == true, "\(name).\(member.name)")
      }
      // Of what one says about oneself, and of settings, nothing is asked for.
      let bare = ["setDuty", "updateFollowUpSettings", "updatePreferences", "markAllNotificationsRead"]
      if !args.members.isEmpty && !bare.contains(name) {
        #expect(path(name, .emptyObject) != nil, "\(name) without arguments")
      }
      #expect(path(name, ["x"]) == "args")
    }
  }

  private func path(_ name: String, _ args: JSON) -> String? {
    do throws(Refusal) {
      _ = try Command.decode(name: name, args: args)
      return nil
    } catch {
      #expect(error.code == .badRequest)
      return error.details["path"]?.string
    }
  }

  @Test func `of a payment come in satang, or in baht as the original's clients send them`() throws {
    func satang(_ amount: String) throws -> Int? {
      let text = #"{"journeyId":"\#(Self.w)","paymentMethod":"CASH",\#(amount)}"#
      guard case .confirmPayment(let payment) = try decode("confirmPayment", text) else { return nil }
      return payment.amountSt
    }
    #expect(try satang(#""amountSt":500000"#) == 500_000)
    #expect(try satang(#""amount":5000"#) == 500_000)
    #expect(try satang(#""amount":19.99"#) == 1_999)
    for bad in [
      #""amount":0.001"#, #""amountSt":0.5"#, #""amountSt":-1"#, #""amount":-1"#, #""amount":1e300"#,
      #""amountSt":9223372036854775807"#, #""amount":9223372036854775807"#, #""amount":1,"amountSt":100"#,
      #""amount":"5000""#, #""notes":"none""#,
    ] {
      #expect(throws: Refusal.self, "\(bad)") { try satang(bad) }
    }
  }

  @Test(arguments: [
    ("initialize", #"{"customer":{"name":" ","phone":"1"}}"#, "args.customer.name"),
    ("initialize", #"{"customer":{"name":"a","phone":"1","email":"nobody"}}"#, "args.customer.email"),
    ("initialize", #"{"customer":{"name":"a","phone":"1","dateOfBirth":"1990-13-01"}}"#, "args.customer.dateOfBirth"),
    ("initialize", #"{"customer":{"name":"a","phone":"1","dateOfBirth":"๑๙๙๐"}}"#, "args.customer.dateOfBirth"),
    ("initialize", #"{"customer":{},"customerData":{}}"#, "args.customerData"),
    ("sendProposal", #"{"workflowId":"\#(w)","plan":{"items":[{"priceSt":5}]}}"#, "args.plan.items[0].treatmentId"),
    (
      "sendProposal", #"{"workflowId":"\#(w)","plan":{"items":[{"name":"a","priceSt":5}],"totalSt":6}}"#,
      "args.plan.totalSt"
    ),
    (
      "sendProposal", #"{"workflowId":"\#(w)","plan":{"items":[{"name":"a","priceSt":5}],"discountSt":6}}"#,
      "args.plan.discountSt"
    ),
    ("sendProposal", #"{"workflowId":"\#(w)","plan":{}}"#, "args.plan.totalSt"),
    ("scheduleAppointment", #"{"workflowId":"\#(w)","scheduledTime":253402300799001}"#, "args.scheduledTime"),
    ("startTreatment", #"{"workflowId":"not-an-id"}"#, "args.workflowId"),
    ("reassign", #"{"workflowId":"\#(w)"}"#, "args.beauticianId"),
    ("addMember", #"{"userId":"\#(b)","role":"clinic_staff","skills":["a",""]}"#, "args.skills[1]"),
    ("transition", #"{"workflowId":"\#(w)","toStage":"heaven"}"#, "args.toStage"),
    ("createFollowUpRule", #"{"name":"r","type":"post_treatment","channels":[]}"#, "args.channels"),
    ("createFollowUpRule", #"{"name":"r","type":"x","channels":["sms"]}"#, "args.type"),
    ("updateFollowUpRule", #"{"ruleId":"\#(w)","type":"birthday_special"}"#, "args.type"),
    ("updateFollowUpRule", #"{"ruleId":"\#(w)","conditions":{"daysAfter":366}}"#, "args.conditions.daysAfter"),
    ("updateFollowUpRule", #"{"ruleId":"\#(w)","words":{"fr":{"message":"m"}}}"#, "args.words.fr"),
    ("updateFollowUpRule", #"{"ruleId":"\#(w)","variants":[{"name":"A"}]}"#, "args.variants[0].weight"),
    ("updateFollowUpTemplate", #"{"templateId":"\#(w)","language":"en"}"#, "args.language"),
    ("updatePreferences", #"{"bestContactTime":"night"}"#, "args.bestContactTime"),
    ("updatePreferences", #"{"lineUserId":"U1\r\nX: y"}"#, "args.lineUserId"),
    ("updateLoyaltySettings", #"{"earnRateSt":0}"#, "args.earnRateSt"),
    ("updateLoyaltySettings", #"{"couponBillMaxBp":10001}"#, "args.couponBillMaxBp"),
    ("updateLoyaltySettings", #"{"tierBasis":"luck"}"#, "args.tierBasis"),
    ("updateLoyaltySettings", #"{"earn_rate":5}"#, "args.earn_rate"),
    ("updateLoyaltySettings", "{}", "args"),
    ("linkCustomer", #"{"customerId":"\#(w)"}"#, "args.userId"),
    ("linkCustomer", #"{"customerId":"\#(w)","userId":"\#(b)","email":"a@b"}"#, "args.email"),
    ("linkCustomer", #"{"customerId":"\#(w)","email":7}"#, "args.email"),
  ])
  func `are refused at the place that is wrong`(name: String, args: String, where place: String) throws {
    #expect(path(name, try JSON.parse(args)) == place)
  }

  @Test func `may be null, which is as good as absent`() throws {
    let plain = try decode("completeTreatment", #"{"workflowId":"\#(Self.w)"}"#)
    #expect(try decode("completeTreatment", #"{"workflowId":"\#(Self.w)","notes":null,"checklist":null}"#) == plain)
    #expect(try decode("completeTreatment", #"{"workflowId":"\#(Self.w)","notes":"  "}"#) == plain)
  }

  @Test func `know the older words`() throws {
    #expect(
      try decode("createTask", #"{"journeyId":"\#(Self.w)","type":"preparation"}"#)
        == .createTask(CreateTask(workflow: Self.workflow, type: .prepareTreatment)))
    #expect(
      try decode("inviteMember", #"{"userId":"\#(Self.b)","role":"beautician"}"#)
        == .addMember(AddMember(user: Self.beautician, role: .staff)))
    #expect(try decode("initialize", #"{"customerData":{"name":"a","phone":"1"}}"#).name == "initialize")
  }

  @Test func `of a move to a stage are read for each action that may lead there`() throws {
    let command = try decode(
      "transition",
      #"{"workflowId":"\#(Self.w)","toStage":"payment_confirmed","metadata":{"amountSt":1,"paymentMethod":"CASH"}}"#)
    guard case .transition(let transition) = command else { throw Unexpected() }
    #expect(transition.candidates.map(\.action) == [.confirmPayment, .noShow])
    #expect((try? transition.candidates[0].command.get())?.name == "confirmPayment")
    // Amounts are no argument of a no-show; that matters only if it is the one meant.
    #expect(throws: Refusal.self) { try transition.candidates[1].command.get() }
  }

  @Test func `of an unknown command are not looked at`() {
    #expect(throws: Refusal(.unknownCommand, "There is no command fire.", details: ["path": "name"])) {
      try Command.decode(name: "fire", args: .emptyObject)
    }
  }

}

private struct Unexpected: Error {}

@Suite struct `A query's arguments` {
  @Test func `are read in full, and refused at their place`() throws {
    let id = "01990000-0000-7000-8000-000000000001"
    let args = try JSON.parse(
      #"{"stage":["in_treatment","consultation"],"status":"active","assigned":"me","search":" 081 ","limit":5,"after":"\#(id)"}"#
    )
    guard case .clinicWorkflows(let filter) = try Query.decode(name: "clinicWorkflows", args: args) else {
      throw Unexpected()
    }
    #expect(filter.stages == [.inTreatment, .leadCreated])
    #expect(filter.assigned == .me)
    #expect(filter.search == "081")
    #expect(filter.limit == 5)
    // Each word once, however often it was given; no list that the database would choke on.
    let all = Stage.allCases.map(\.rawValue)
    func stages(_ list: [String]) throws -> [Stage] {
      let args = JSON.object(["stage": .array(list.map(JSON.string))])
      guard case .clinicWorkflows(let filter) = try Query.decode(name: "clinicWorkflows", args: args) else {
        throw Unexpected()
      }
      return filter.stages
    }
    #expect(try stages(all) == Stage.allCases)
    #expect(try stages(["scanned", "scanned"]) == [.scanned])
    #expect(throws: Refusal.self) { try stages(all + ["scanned"]) }
    let needy = ["workflowHistory", "followUpResults", "dryRunFollowUp", "dryRunAutomation"]
    for name in Query.names where !needy.contains(name) {
      #expect(try Query.decode(name: name, args: .null).name == name)
    }
    for (name, bad) in [
      ("clinicWorkflows", #"{"limit":0}"#), ("clinicWorkflows", #"{"assigned":"you"}"#),
      ("myTasks", #"{"status":"late"}"#),
      ("me", #"{"x":1}"#), ("workflowHistory", "{}"), ("followUps", #"{"status":"late"}"#), ("followUpResults", "{}"),
      ("dryRunFollowUp", #"{"from":1}"#), ("dryRunFollowUp", #"{"from":1,"ruleId":"\#(id)","rule":{}}"#),
    ] {
      #expect(throws: Refusal.self) { try Query.decode(name: name, args: JSON.parse(bad)) }
    }
    #expect(throws: Refusal.self) { try Query.decode(name: "secrets", args: .null) }
    let run = try JSON.parse(#"{"from":1,"to":2,"rule":{"name":"r","type":"post_treatment","channels":"sms"}}"#)
    guard case .dryRunFollowUp(let dryRun) = try Query.decode(name: "dryRunFollowUp", args: run),
      case .draft(let rule) = dryRun.subject
    else { throw Unexpected() }
    #expect(rule.channels == [.sms])
    #expect(dryRun.to == Instant(milliseconds: 2))
  }
}
