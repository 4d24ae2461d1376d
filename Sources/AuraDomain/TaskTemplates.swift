/// What a kind of task is by default: who does it, how urgent it is, how long it takes.
struct TaskTemplate {
  var title: Texts
  var priority: TaskPriority
  /// Minutes; a treatment brings its own.
  var minutes: Int
  /// Whose pool an unassigned one is in; `nil`: the front desk's.
  var role: Role?

  static func of(_ type: TaskType) -> TaskTemplate {
    switch type {
    case .scanCustomer:
      TaskTemplate(
        title: Texts(th: "ตรวจสแกนผิวคุณ{customerName}", en: "Skin scan: {customerName}"),
        priority: .high, minutes: 15, role: .sales)
    case .sendProposal:
      TaskTemplate(
        title: Texts(th: "จัดทำใบเสนอราคาให้คุณ{customerName}", en: "Quote for {customerName}"),
        priority: .high, minutes: 30, role: .sales)
    case .prepareTreatment:
      TaskTemplate(
        title: Texts(th: "เตรียมห้องและอุปกรณ์คุณ{customerName}", en: "Set up room: {customerName}"),
        priority: .medium, minutes: 20, role: .staff)
    case .performTreatment:
      TaskTemplate(
        title: Texts(th: "ทำ{treatmentName}ให้คุณ{customerName}", en: "{treatmentName}: {customerName}"),
        priority: .high, minutes: 60, role: .staff)
    case .followUpUpsell:
      TaskTemplate(
        title: Texts(th: "เสนอแผนดูแลต่อเนื่องคุณ{customerName}", en: "Next plan: {customerName}"),
        priority: .medium, minutes: 10, role: .sales)
    case .customerFollowUp:
      TaskTemplate(
        title: Texts(th: "สอบถามผลหลังทำคุณ{customerName}", en: "Check in with {customerName}"),
        priority: .low, minutes: 5, role: .sales)
    case .paymentReminder:
      TaskTemplate(
        title: Texts(th: "ติดตามยอดชำระคุณ{customerName}", en: "Collect payment: {customerName}"),
        priority: .high, minutes: 5, role: .sales)
    case .appointmentReminder:
      TaskTemplate(
        title: Texts(th: "ยืนยันนัดคุณ{customerName}", en: "Confirm visit: {customerName}"),
        priority: .medium, minutes: 3, role: nil)
    case .reviewRequest:
      TaskTemplate(
        title: Texts(th: "ขอรีวิวคุณ{customerName}", en: "Ask for review: {customerName}"),
        priority: .low, minutes: 5, role: .sales)
    }
  }

  /// When a task of this kind is due that is made now without a date. What hangs on an appointment has its start as the
  /// anchor and none without one.
  static func due(_ type: TaskType, now: Instant, start: Instant?) -> Instant? {
    switch type {
    case .scanCustomer: now + .hours(1)
    case .sendProposal: now + .hours(2)
    case .prepareTreatment: start.map { max(now, $0 - .minutes(30)) }
    case .performTreatment: start
    case .followUpUpsell: now + .hours(24)
    case .customerFollowUp: now + .days(7)
    case .paymentReminder, .reviewRequest: now + .days(3)
    case .appointmentReminder: start.map { max(now, $0 - .hours(24)) }
    }
  }
}

/// The same words in both languages.
package struct Texts: Equatable, Sendable {
  package var th: String
  package var en: String

  package subscript(language: Language) -> String {
    switch language {
    case .th: th
    case .en: en
    }
  }

  /// Puts values in the place of `{names}`.
  func filled(_ values: [String: Texts]) -> Texts {
    Texts(th: Self.fill(th, values, .th), en: Self.fill(en, values, .en))
  }

  /// One walk, so that a customer whose name holds braces changes nothing.
  private static func fill(_ template: String, _ values: [String: Texts], _ language: Language) -> String {
    var result = ""
    var rest = template[...]
    while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
      result += rest[..<open]
      let name = String(rest[rest.index(after: open)..<close])
      result += values[name]?[language] ?? ""
      rest = rest[rest.index(after: close)...]
    }
    return result + rest
  }

  package init(th: String, en: String) {
    self.th = th
    self.en = en
  }

  /// A value that is the same in both, such as a person's name.
  init(_ text: String) { self.init(th: text, en: text) }

  /// `{"th", "en"}` as the schema keeps names; one language stands in for the other.
  init(names: JSON) {
    let (th, en) = (names["th"]?.string, names["en"]?.string)
    self.init(th: th ?? en ?? "", en: en ?? th ?? "")
  }

  var json: JSON { ["th": .string(th), "en": .string(en)] }
}
