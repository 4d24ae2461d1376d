import AuraDomain
import AuraStore
import Foundation

/// What a customer may ask of the clinic: to see all that is held of them, and to be forgotten.
extension Administration {
  /// How long the log's past is waited for; the rest is done behind it.
  private static let secondsMax = 30.0

  func forget(_ code: String, _ customer: ID, _ reason: String?) throws -> Done {
    var done = try write { try $0.forgetCustomer(code, customer, reason: reason) }
    let end = Date(timeIntervalSinceNow: Self.secondsMax)
    while Date() < end {
      let isFinished: Bool? = try DirectStore.wait { answer in
        store.read {
          guard let clinic = try Accounts.clinic($0.session, code: code) else { return nil }
          return try Erasure.isFinished($0.session, clinic: clinic, customer: customer)
        } then: {
          answer($0.mapError { $0 })
        }
      }
      if isFinished == true { return done }
      usleep(20_000)
    }
    done.sentence += " The log's past is still gone through; a hub that runs goes on with it."
    return done
  }
}

extension WriteTransaction {
  func noteExport(_ code: String, _ customer: ID) throws -> Done {
    let clinic = try clinic(named: code)
    guard try clinicRows(clinic).row(Customer.self, customer) != nil else { throw AdminRefusal.noCustomer }
    try note("customer_exported", clinic: clinic, ["customer_id": .id(customer)])
    return Done(sentence: "It is written down that somebody has read all of \(customer).")
  }

  func forgetCustomer(_ code: String, _ customer: ID, reason: String?) throws -> Done {
    let clinic = try clinic(named: code)
    var result = JSON.emptyObject
    do {
      try commit(clinic: clinic, as: .commandLine, reason: "command line") { draft in
        result = try draft.run(.forgetCustomer(customer: customer, reason: reason))
      }
    } catch let refusal as Refusal where refusal.code == .notFound {
      throw AdminRefusal.noCustomer
    } catch let refusal as Refusal {
      let cases = refusal.details["workflows"]?.array?.compactMap(\.string) ?? []
      throw AdminRefusal(refusal.message + (cases.isEmpty ? "" : " " + cases.joined(separator: " ")))
    }
    let called = result["cancelledMessages"]?.integer ?? 0
    return Done(
      sentence: "\(customer) is forgotten\(called > 0 ? ", \(called) messages to them are called off" : "").",
      data: result)
  }
}

extension AdminRefusal {
  static let noCustomer = AdminRefusal("There is no such customer: look for them on the sales desk.")
}
