import AuraDomain

/// One case on its way, again and again: a lead of sales, paid, treated and completed by a beautician.
struct LoadCase {
  private enum Step: Int, CaseIterable {
    case initialize, confirmPayment, startTreatment, completeTreatment
  }

  /// What the load fixture's clinics offer.
  private static let treatment = "Hydra Facial"
  private static let priceSt = 500_000

  let clinic: ID
  /// Workers' numbers.
  let sales: Int
  let beautician: Int
  let beauticianStaff: ID
  private var step = Step.initialize
  private var workflow: String?
  /// Of the command that is not yet acknowledged.
  private(set) var key: String?
  private(set) var sentNs: UInt64 = 0
  /// Of the payment whose way to the beautician is being measured.
  var paymentKey: String?
  var frameNs: UInt64?
  var ackNs: UInt64?

  init(clinic: ID, sales: Int, beautician: Int, beauticianStaff: ID) {
    self.clinic = clinic
    self.sales = sales
    self.beautician = beautician
    self.beauticianStaff = beauticianStaff
  }

  var stepName: String {
    switch step {
    case .initialize: "initialize"
    case .confirmPayment: "confirmPayment"
    case .startTreatment: "startTreatment"
    case .completeTreatment: "completeTreatment"
    }
  }

  mutating func begin(key: String, nowNs: UInt64, phone: Int) -> (worker: Int, name: String, args: JSON) {
    self.key = key
    sentNs = nowNs
    paymentKey = nil
    frameNs = nil
    ackNs = nil
    let workflow = JSON.string(workflow ?? "")
    switch step {
    case .initialize:
      let number = "0" + String(repeating: "0", count: max(0, 9 - String(phone).count)) + String(phone)
      return (sales, stepName, ["customer": ["name": .string("Load \(phone)"), "phone": .string(number)]])
    case .confirmPayment:
      paymentKey = key
      return (
        sales, stepName,
        [
          "workflowId": workflow, "treatmentName": .string(LoadCase.treatment), "amountSt": .integer(LoadCase.priceSt),
          "paymentMethod": "CASH",
          "beauticianId": .string(beauticianStaff.description),
        ]
      )
    case .startTreatment, .completeTreatment:
      return (beautician, stepName, ["workflowId": workflow])
    }
  }

  mutating func succeeded(_ result: JSON) {
    key = nil
    if step == .initialize { workflow = result["workflowId"]?.string }
    step = Step(rawValue: step.rawValue + 1) ?? .initialize
  }

  /// After a refusal: a new case.
  mutating func restart() {
    key = nil
    workflow = nil
    step = .initialize
  }
}
