import AuraDomain
import AuraStore
import Foundation
import Testing

@testable import AuraServer

@Suite struct LoadFixtureTests {
  @Test func `the same numbers find the same people, larger ones add to them`() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "aura-load-\(UUID())").path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let first = try LoadFixture.prepare(directory: folder, .init(clinics: 3, staff: 9))
    #expect(first.count == 9 && Set(first.map(\.clinic)).count == 3 && Set(first.map(\.user)).count == 9)
    for clinic in Set(first.map(\.clinic)) {
      #expect(Set(first.filter { $0.clinic == clinic }.map(\.role)) == [.sales, .staff])
    }
    let again = try LoadFixture.prepare(directory: folder, .init(clinics: 3, staff: 9))
    #expect(again.map(\.staff) == first.map(\.staff))
    let looked = try LoadFixture.find(directory: folder, .init(clinics: 3, staff: 9))
    #expect(looked.map(\.staff) == first.map(\.staff))
    #expect(try LoadFixture.find(directory: folder, .init(clinics: 4, staff: 20)).count == 9)
    let more = try LoadFixture.prepare(directory: folder, .init(clinics: 4, staff: 20))
    #expect(more.count == 20 && Set(more.map(\.user)).isSuperset(of: first.map(\.user)))
    let tokens = Tokens(secret: try InstallationSecret(directory: folder))
    for person in more { #expect(try tokens.verify(person.token, now: .systemNow).user == person.user) }
  }
}
