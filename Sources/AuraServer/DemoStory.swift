import AuraDomain

/// One demo case: who it is about and what was done when.
struct DemoStory: Sendable {
  var name: String
  var customer: CustomerDetails
  var treatment: String
  var priceSt: Int
  var steps: [Step]

  struct Step: Sendable {
    var minutesAgo: Int
    var move: Move
  }

  enum Move: Sendable {
    case lead
    case scan
    case propose
    /// Paid, and booked with a beautician so many minutes from now.
    case pay(beautician: Int, startsInMinutes: Int)
    case arrive
    case start(beautician: Int)
    case complete(beautician: Int)
    case followUp
  }

  static let all: [DemoStory] = [
    DemoStory(
      name: "mali", customer: .named("มะลิ แก้วใส", "0811110001"), treatment: "Hydra Facial", priceSt: 500_000,
      steps: [.init(minutesAgo: 12, move: .lead)]),
    DemoStory(
      name: "pim", customer: .named("พิมพ์ชนก ทวีสุข", "0811110002"), treatment: "Pico Laser", priceSt: 1_200_000,
      steps: [.init(minutesAgo: 55, move: .lead), .init(minutesAgo: 40, move: .scan)]),
    DemoStory(
      name: "sarah", customer: .named("Sarah Miller", "0811110003", .en), treatment: "Thermage", priceSt: 4_500_000,
      steps: [
        .init(minutesAgo: 95, move: .lead), .init(minutesAgo: 80, move: .scan), .init(minutesAgo: 65, move: .propose),
      ]),
    DemoStory(
      name: "kan", customer: .named("กานต์ธิดา เรืองศรี", "0811110004"), treatment: "Hydra Facial", priceSt: 500_000,
      steps: [
        .init(minutesAgo: 34, move: .lead), .init(minutesAgo: 28, move: .pay(beautician: 0, startsInMinutes: 20)),
        .init(minutesAgo: 6, move: .arrive),
      ]),
    DemoStory(
      name: "suda", customer: .named("สุดารัตน์ บุญมา", "0811110005"), treatment: "Acne Clear", priceSt: 180_000,
      steps: [
        .init(minutesAgo: 20, move: .lead), .init(minutesAgo: 15, move: .pay(beautician: 1, startsInMinutes: 120)),
      ]),
    DemoStory(
      name: "orathai", customer: .named("อรทัย จันทร์เพ็ญ", "0811110006"), treatment: "Hydra Facial",
      priceSt: 500_000,
      steps: [
        .init(minutesAgo: 60, move: .lead), .init(minutesAgo: 50, move: .pay(beautician: 1, startsInMinutes: -25)),
        .init(minutesAgo: 30, move: .arrive), .init(minutesAgo: 22, move: .start(beautician: 1)),
      ]),
    DemoStory(
      name: "nat", customer: .named("ณัฐกานต์ พรหมดี", "0811110007"), treatment: "Hydra Facial", priceSt: 500_000,
      steps: [
        .init(minutesAgo: 170, move: .lead), .init(minutesAgo: 165, move: .pay(beautician: 0, startsInMinutes: -150)),
        .init(minutesAgo: 148, move: .start(beautician: 0)), .init(minutesAgo: 90, move: .complete(beautician: 0)),
      ]),
    DemoStory(
      name: "james", customer: .named("James Carter", "0811110008", .en), treatment: "Acne Clear", priceSt: 180_000,
      steps: [
        .init(minutesAgo: 175, move: .lead), .init(minutesAgo: 172, move: .pay(beautician: 1, startsInMinutes: -160)),
        .init(minutesAgo: 158, move: .start(beautician: 1)), .init(minutesAgo: 115, move: .complete(beautician: 1)),
        .init(minutesAgo: 30, move: .followUp),
      ]),
  ]

  /// All steps by their time, as story and the step's place in it.
  static var inOrder: [(DemoStory, Int)] {
    all.flatMap { story in story.steps.indices.map { (story, $0) } }
      .sorted { $0.0.steps[$0.1].minutesAgo > $1.0.steps[$1.1].minutesAgo }
  }

  /// The case's id, as the ack of `initialize` names it.
  static func workflow(in result: JSON) -> ID? {
    (result["workflowId"] ?? result["workflow_id"] ?? result["journeyId"])?.string.flatMap { ID($0) }
  }
}

extension DemoStory.Step {
  struct NoWorkflow: Error {}

  /// What is asked of the clinic, and by whom.
  func command(_ cast: Demo.Cast, _ story: DemoStory, _ workflow: ID?, _ now: Instant) throws -> (ID, Command) {
    if case .lead = move {
      var command = Initialize(customer: story.customer, sales: cast.sales.staff)
      command.treatment = cast.treatments[story.treatment]
      return (cast.sales.user, .initialize(command))
    }
    guard let workflow else { throw NoWorkflow() }
    let step = WorkflowStep(workflow)
    switch move {
    case .lead: throw NoWorkflow()
    case .scan:
      let results: JSON = ["skin_type": "combination", "hydration": 46, "concerns": ["pigmentation", "pores"]]
      return (cast.sales.user, .scanCustomer(ScanCustomer(step: step, results: results, consent: ConsentGiven())))
    case .propose:
      let item = Plan.Item(treatment: cast.treatments[story.treatment], priceSt: story.priceSt)
      return (
        cast.sales.user, .sendProposal(SendProposal(step: step, plan: Plan(items: [item], totalSt: story.priceSt)))
      )
    case .pay(let beautician, let minutes):
      var command = ConfirmPayment(step: step, amountSt: story.priceSt, method: .promptPay)
      command.treatment = cast.treatments[story.treatment]
      command.beautician = cast.beauticians[beautician].staff
      command.scheduledTime = now + .minutes(minutes)
      return (cast.sales.user, .confirmPayment(command))
    case .arrive: return (cast.sales.user, .checkIn(step))
    case .start(let beautician): return (cast.beauticians[beautician].user, .startTreatment(StartTreatment(step: step)))
    case .complete(let beautician):
      return (cast.beauticians[beautician].user, .completeTreatment(CompleteTreatment(step: step)))
    case .followUp: return (cast.sales.user, .sendFollowUp(SendFollowUp(step: step)))
    }
  }
}

extension CustomerDetails {
  fileprivate static func named(_ name: String, _ phone: String, _ language: Language = .th) -> CustomerDetails {
    var details = CustomerDetails(name: name, phone: phone)
    details.language = language
    return details
  }
}

/// What the demo clinic offers.
enum DemoTreatments {
  static let all: [Treatment] = [
    make("Hydra Facial", "ไฮดราเฟเชียล", "facial", minutes: 60, baht: 5_000).with(
      aftercare: Texts(
        th: "คืนนี้ล้างหน้าด้วยน้ำสะอาด งดสครับ 3 วัน\nทากันแดด SPF 50 ทุกเช้า\nแดงเล็กน้อยในวันแรกเป็นเรื่องปกติ",
        en: """
          Tonight, wash with clear water only; no scrub for 3 days.
          Sunscreen SPF 50 every morning.
          A little redness on the first day is normal.
          """)),
    make("Acne Clear", "เคลียร์สิว", "facial", minutes: 45, baht: 1_800, rebookDays: 14),
    make("Pico Laser", "พิโคเลเซอร์", "laser", minutes: 45, baht: 12_000, rebookDays: 30, consent: true, skill: "laser"),
    make("Laser Hair Removal", "เลเซอร์กำจัดขน", "laser", minutes: 30, baht: 2_500, rebookDays: 30, skill: "laser"),
    make("Thermage", "เทอร์มาจ", "lifting", minutes: 90, baht: 45_000, rebookDays: 365, consent: true),
    make("Botox", "โบท็อกซ์", "injection", minutes: 30, baht: 8_900, rebookDays: 120, consent: true),
  ]

  private static func make(
    _ english: String, _ thai: String, _ category: String, minutes: Int, baht: Int, rebookDays: Int? = nil,
    consent: Bool = false, skill: String? = nil
  ) -> Treatment {
    var treatment = Treatment()
    treatment.names = ["th": .string(thai), "en": .string(english)]
    treatment.category = category
    treatment.durationMinutes = minutes
    treatment.priceSt = baht * 100
    treatment.requiresConsent = consent
    treatment.requiredSkill = skill
    treatment.rebookAfterDays = rebookDays
    return treatment
  }
}

extension Treatment {
  fileprivate func with(aftercare: Texts) -> Treatment {
    var treatment = self
    treatment.aftercare = ["th": .string(aftercare.th), "en": .string(aftercare.en)]
    return treatment
  }
}
