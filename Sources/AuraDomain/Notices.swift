extension [Role] {
  static let leaders: [Role] = [.owner, .admin]
}

extension Role {
  var isLeader: Bool { [Role].leaders.contains(self) }
}

extension Draft {
  // MARK: Business events

  /// Writes a business event with whom it is for. `staff` are memberships, `users` are users: a customer has no
  /// membership.
  mutating func emit(
    _ type: EventType, _ workflow: Workflow?, data: JSONObject, staff: [ID?] = [], roles: [Role] = [],
    users: [ID] = [], customer: ID? = nil
  ) throws {
    var targets: [ID] = []
    for id in staff {
      guard let id, let member = try row(StaffMember.self, id), member.isActive, !targets.contains(member.userID) else {
        continue
      }
      targets.append(member.userID)
    }
    targets += users.filter { !targets.contains($0) }
    var event = WorkflowEvent()
    event.id = newID()
    event.clinicID = clinicID
    event.seq = seq
    event.workflowID = workflow?.id
    event.customerID = workflow?.customerID ?? customer
    event.eventType = type
    event.eventData = .object(data)
    if let rule { event.eventData.set("rule_id", .id(rule.id)) }
    event.sourceUserID = actor.user
    event.targetUsers = .array(targets.map { .id($0) })
    event.targetRoles = .array(roles.map { .word($0) })
    event.commandID = commandKey
    event.createdAt = now
    insert(event)
  }

  /// Adds to the customer's own history. `key` is what can happen once only.
  mutating func journey(
    _ type: JourneyEventType, customer: ID, workflow: ID?, key: String, data: JSONObject = JSONObject()
  ) {
    var event = JourneyEvent()
    event.id = newID()
    event.clinicID = clinicID
    event.customerID = customer
    event.workflowID = workflow
    event.eventType = type
    event.eventData = .object(data)
    event.occurredAt = now
    event.eventKey = key
    insert(event)
  }

  // MARK: The bell

  /// Tells a member of staff, in their language. Nobody is told what they have just done themselves.
  mutating func tell(
    _ staff: ID?, _ type: EventType, _ notice: Notice, _ workflow: Workflow?, task: ID? = nil,
    priority: TaskPriority = .medium, dedupe: String? = nil
  ) throws {
    guard let staff, let member = try row(StaffMember.self, staff), member.isActive else { return }
    guard member.userID != actor.user, let user = try user(member.userID) else { return }
    var row = notification(type, notice, workflow, task: task, priority: priority, user.locale)
    row.userID = user.id
    row.dedupeKey = dedupe
    try post(row)
  }

  /// Tells every owner and admin, but none of `except` who has been told already.
  mutating func tellLeaders(
    _ type: EventType, _ notice: Notice, _ workflow: Workflow?, task: ID? = nil, priority: TaskPriority = .medium,
    except: [ID?] = []
  ) throws {
    for leader in try activeStaff(roles: .leaders) where !except.contains(leader.id) {
      try tell(leader.id, type, notice, workflow, task: task, priority: priority)
    }
  }

  /// Tells the customer, in the language of their preferences.
  mutating func tellCustomer(_ type: EventType, _ notice: Notice, _ workflow: Workflow) throws {
    try tellCustomer(workflow.customerID, type, notice, workflow)
  }

  mutating func tellCustomer(_ customer: ID, _ type: EventType, _ notice: Notice, _ workflow: Workflow? = nil) throws {
    let language = try preferences(of: customer)?.language ?? .th
    var row = notification(type, notice, workflow, task: nil, priority: .medium, language)
    row.customerID = customer
    try post(row)
  }

  private mutating func notification(
    _ type: EventType, _ notice: Notice, _ workflow: Workflow?, task: ID?, priority: TaskPriority, _ language: Language
  ) -> Notification {
    let (title, message) = notice.texts
    var row = Notification()
    row.id = newID()
    row.clinicID = clinicID
    row.type = type.rawValue
    row.title = title[language]
    row.message = message[language]
    row.priority = priority
    var metadata = JSONObject()
    if let workflow { metadata["workflow_id"] = .id(workflow.id) }
    if let task { metadata["task_id"] = .id(task) }
    if let rule { metadata["rule_id"] = .id(rule.id) }
    row.metadata = .object(metadata)
    return row
  }
}

/// What people are told, in both languages.
enum Notice {
  case newLead(customer: String)
  case taskForYou(title: Texts)
  case taskTaken(title: Texts)
  case taskUnassigned(title: Texts)
  case taskOverdue(title: Texts, minutes: Int)
  case paymentReceived(customer: String, satang: Int)
  case customerArrived(customer: String)
  case treatmentStarted(customer: String, treatment: Texts, by: String)
  case treatmentCompleted(customer: String, treatment: Texts)
  case treatmentAborted(customer: String, reason: String)
  case noShow(customer: String)
  case caseCancelled(customer: String)
  case caseReopened(customer: String)
  case caseForYou(customer: String)
  case caseHandedOver(customer: String, to: String)
  case workLeftBehind(staff: String, count: Int)
  case followUpFailed(rule: String, why: String)
  case upsellOpportunity(customer: String)
  case unhappyCustomer(customer: String)
  case ruleDisabled(name: String)
  // To customers, in simple words.
  case proposalReady(satang: Int)
  case appointment(treatment: Texts, at: String)
  case appointmentOff
  case care(treatment: Texts, aftercare: Texts)
  case tierReached(Tier)
  case couponReady(name: Texts, code: String)
  case achievementReached(name: String, points: Int)

  /// Title and message.
  var texts: (Texts, Texts) {
    switch self {
    case .newLead(let customer):
      (Texts(th: "ลูกค้าใหม่", en: "New lead"), Texts(th: "คุณ\(customer)", en: customer))
    case .taskForYou(let title):
      (Texts(th: "งานใหม่ของคุณ", en: "A task for you"), title)
    case .taskTaken(let title):
      (Texts(th: "งานถูกโอนให้ผู้อื่นแล้ว", en: "A task is no longer yours"), title)
    case .taskUnassigned(let title):
      (Texts(th: "งานยังไม่มีผู้รับผิดชอบ", en: "A task that nobody has"), title)
    case .taskOverdue(let title, let minutes):
      (
        Texts(th: "งานเกินกำหนด \(minutes) นาที", en: "A task is \(minutes) minutes late"),
        title
      )
    case .paymentReceived(let customer, let satang):
      (
        Texts(th: "รับชำระเงินแล้ว", en: "Payment received"),
        Texts(th: "คุณ\(customer) \(baht(satang)) บาท", en: "\(customer): ฿\(baht(satang))")
      )
    case .customerArrived(let customer):
      (Texts(th: "ลูกค้ามาถึงแล้ว", en: "Your customer is here"), Texts(th: "คุณ\(customer)", en: customer))
    case .treatmentStarted(let customer, let treatment, let by):
      (
        Texts(th: "เริ่มทำทรีตเมนต์แล้ว", en: "Treatment started"),
        Texts(th: "\(treatment.th) คุณ\(customer) โดย\(by)", en: "\(treatment.en), \(customer), by \(by)")
      )
    case .treatmentCompleted(let customer, let treatment):
      (
        Texts(th: "ทำทรีตเมนต์เสร็จแล้ว", en: "Treatment completed"),
        Texts(th: "\(treatment.th) คุณ\(customer)", en: "\(treatment.en), \(customer)")
      )
    case .treatmentAborted(let customer, let reason):
      (
        Texts(th: "หยุดทรีตเมนต์กลางคัน", en: "Treatment stopped"),
        Texts(th: "คุณ\(customer): \(reason)", en: "\(customer): \(reason)")
      )
    case .noShow(let customer):
      (Texts(th: "ลูกค้าไม่มาตามนัด", en: "Customer did not come"), Texts(th: "คุณ\(customer)", en: customer))
    case .caseCancelled(let customer):
      (Texts(th: "ยกเลิกแล้ว", en: "Cancelled"), Texts(th: "คุณ\(customer)", en: customer))
    case .caseReopened(let customer):
      (Texts(th: "เปิดเคสอีกครั้ง", en: "Opened again"), Texts(th: "คุณ\(customer)", en: customer))
    case .caseForYou(let customer):
      (Texts(th: "คุณได้รับมอบหมายลูกค้า", en: "A customer for you"), Texts(th: "คุณ\(customer)", en: customer))
    case .caseHandedOver(let customer, let to):
      (
        Texts(th: "โอนลูกค้าให้ผู้อื่นแล้ว", en: "A customer was handed over"),
        Texts(th: "คุณ\(customer) ให้\(to)", en: "\(customer), to \(to)")
      )
    case .workLeftBehind(let staff, let count):
      (
        Texts(th: "งานกลับเข้ากองกลาง", en: "Tasks are back in the pool"),
        Texts(th: "\(count) งานของ\(staff)", en: "\(count) of \(staff)'s")
      )
    case .followUpFailed(let rule, let why):
      (
        Texts(th: "ส่งข้อความไม่สำเร็จ", en: "Messages cannot be sent"),
        Texts(th: "\(rule): \(why)", en: "\(rule): \(why)")
      )
    case .upsellOpportunity(let customer):
      (
        Texts(th: "ลูกค้าพอใจ เสนอแผนต่อไปได้", en: "A pleased customer: offer what comes next"),
        Texts(th: "คุณ\(customer)", en: customer)
      )
    case .unhappyCustomer(let customer):
      (
        Texts(th: "ลูกค้าไม่พอใจ ควรติดต่อกลับ", en: "An unhappy customer: ask why"),
        Texts(th: "คุณ\(customer)", en: customer)
      )
    case .ruleDisabled(let name):
      (
        Texts(th: "ปิดกฎอัตโนมัติแล้ว", en: "A rule was switched off"),
        Texts(th: "กฎ \(name) ล้มเหลวบ่อยเกินไป", en: "\(name) failed too often")
      )
    case .proposalReady(let satang):
      (
        Texts(th: "ใบเสนอราคาของคุณพร้อมแล้ว", en: "Your plan is ready"),
        Texts(th: "รวม \(baht(satang)) บาท", en: "In total ฿\(baht(satang))")
      )
    case .appointment(let treatment, let at):
      (
        Texts(th: "นัดหมายของคุณ", en: "Your appointment"),
        Texts(th: "\(treatment.th) \(at)", en: "\(treatment.en), \(at)")
      )
    case .appointmentOff:
      (
        Texts(th: "นัดหมายถูกยกเลิก", en: "Your appointment is off"),
        Texts(th: "ติดต่อคลินิกเพื่อนัดใหม่ได้เลยค่ะ", en: "Please contact the clinic for another time")
      )
    case .care(let treatment, let aftercare):
      (
        Texts(th: "\(treatment.th)เสร็จเรียบร้อยแล้ว", en: "\(treatment.en) is done"),
        Texts(
          th: aftercare.th.isEmpty ? "ขอบคุณที่มาใช้บริการค่ะ" : aftercare.th,
          en: aftercare.en.isEmpty ? "Thank you for your visit" : aftercare.en)
      )
    case .tierReached(let tier):
      (
        Texts(th: "ระดับสมาชิกของคุณเปลี่ยนแล้ว", en: "Your tier has changed"),
        Texts(th: "ตอนนี้คุณอยู่ระดับ \(tier.names.th)", en: "You are \(tier.names.en) now")
      )
    case .couponReady(let name, let code):
      (
        Texts(th: "คูปองของคุณ", en: "A coupon for you"),
        Texts(th: "\(name.th): \(code)", en: "\(name.en): \(code)")
      )
    case .achievementReached(let name, let points):
      (
        Texts(th: "คุณทำสำเร็จแล้ว: \(name)", en: "Achieved: \(name)"),
        points == 0 ? Texts(name) : Texts(th: "รับ \(points) แต้ม", en: "\(points) points for you")
      )
    }
  }
}

/// Satang as baht: `5,000` or `5,000.50`.
func baht(_ satang: Int) -> String {
  var digits = String((satang / 100).magnitude)
  var grouped = ""
  while digits.count > 3 {
    grouped = "," + digits.suffix(3) + grouped
    digits.removeLast(3)
  }
  let rest = satang % 100
  return digits + grouped + (rest == 0 ? "" : rest < 10 ? ".0\(rest)" : ".\(rest)")
}
