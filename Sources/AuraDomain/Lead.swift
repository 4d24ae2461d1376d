extension Draft {
  mutating func initialize(_ command: Initialize) throws -> JSON {
    try actor.permit(.initialize, reason: reason)
    guard let phone = PhoneNumber.normalised(command.customer.phone) else {
      throw Refusal(
        .badRequest, "This is no phone number.",
        details: ["path": "args.customer.phone", "problem": "6 … 15 digits are expected"])
    }
    let samePhone = try rows(
      Customer.self,
      Selection(.equal("phone", .text(phone)), .isNull("anonymized_at"), order: [.ascending("id")], limit: 50))
    let name = PersonName.normalised(command.customer.name)
    let known = samePhone.first { PersonName.normalised($0.fullName) == name }
    // Families share a phone: another name on it is another person, and worth a hint.
    let near: JSON = .array(
      samePhone.filter { $0.id != known?.id }.map {
        ["customerId": .id($0.id), "name": .string($0.fullName), "customerCode": .string($0.customerCode)]
      })
    if let known, let open = try openLead(of: known.id) {
      return try outcome(open, ["existing": true, "duplicates": near, "customerCode": .string(known.customerCode)])
    }

    let sales = try salesFor(command, known)
    let treatment = try command.treatment.map { try self.treatment($0, "treatmentId") }
    let customer = try known ?? addCustomer(command.customer, phone: phone, sales: sales)
    var workflow = Workflow()
    workflow.id = newID()
    workflow.clinicID = clinicID
    workflow.customerID = customer.id
    workflow.assignedSalesID = sales
    workflow.treatmentID = treatment?.id
    workflow.treatmentName = treatment.map { Texts(names: $0.names)[.th] }
    workflow.stageEnteredAt = now
    if let scan = command.scanID { workflow.metadata.set("scan_id", .string(scan)) }
    insert(workflow)
    var record = ActionRecord(.initialize)
    record.notes = command.notes
    try announceCase(workflow, record, customer)
    return try outcome(
      workflow, ["existing": false, "duplicates": near, "customerCode": .string(customer.customerCode)])
  }

  /// A new case of a customer who has none that is open, with who looked after them last.
  mutating func openLeadAgain(of id: ID) throws -> Workflow {
    let customer = try customer(id)
    var workflow = Workflow()
    workflow.id = newID()
    workflow.clinicID = clinicID
    workflow.customerID = id
    if let usual = customer.assignedSalesID, try row(StaffMember.self, usual)?.isActive == true {
      workflow.assignedSalesID = usual
    }
    workflow.stageEnteredAt = now
    insert(workflow)
    try announceCase(workflow, ActionRecord(.initialize), customer)
    return workflow
  }

  private mutating func announceCase(_ workflow: Workflow, _ record: ActionRecord, _ customer: Customer) throws {
    try writeAction(record, workflow, from: nil)
    try emit(
      .workflowCreated, workflow,
      data: ["customer_name": .string(customer.fullName), "stage": .word(workflow.currentStage)],
      staff: [workflow.assignedSalesID], roles: .leaders)
    try tell(workflow.assignedSalesID, .workflowCreated, .newLead(customer: customer.fullName), workflow)
  }

  func openLead(of customer: ID) throws -> Workflow? {
    try rows(
      Workflow.self,
      Selection(
        .equal("customer_id", .id(customer)), .equal("status", .word(WorkflowStatus.active)),
        .oneOf("current_stage", [.word(Stage.leadCreated), .word(Stage.scanned), .word(Stage.proposalSent)]), limit: 1)
    ).first
  }

  /// Whose lead it is: the one named, the customer's own, or the caller's.
  private func salesFor(_ command: Initialize, _ known: Customer?) throws -> ID? {
    if let named = command.sales {
      let member = try colleague(named, "salesId")
      guard member.role != .staff else {
        throw Refusal(
          .badRequest, "A lead belongs to sales.",
          details: ["path": "args.salesId", "problem": "role", "staff_id": .id(named)])
      }
      return named
    }
    if actor.role == .sales { return actor.staff }
    if let usual = known?.assignedSalesID, try row(StaffMember.self, usual)?.isActive == true { return usual }
    if let staff = actor.staff { return staff }
    throw Refusal(.badRequest, "Whose lead is it?", details: ["path": "args.salesId", "problem": "is missing"])
  }

  private mutating func addCustomer(_ details: CustomerDetails, phone: String, sales: ID?) throws -> Customer {
    let referrer = try details.referralCode.map {
      try self.referrer(code: $0, phone: phone, email: details.email?.lowercased())
    }
    var customer = Customer()
    customer.id = newID()
    customer.clinicID = clinicID
    customer.assignedSalesID = sales
    customer.customerCode = try "C-\(Self.padded(next("customer_code"), to: 6))"
    customer.fullName = details.name
    customer.nickname = details.nickname
    customer.email = details.email?.lowercased()
    customer.phone = phone
    customer.dateOfBirth = details.dateOfBirth
    customer.gender = details.gender
    customer.source = details.source ?? (referrer == nil ? .walkIn : .referral)
    customer.referredByCustomerID = referrer?.id
    customer.allergies = details.allergies
    if let age = details.age { customer.metadata.set("age_when_added", .integer(age)) }
    insert(customer)

    var preferences = CustomerPreferences()
    preferences.id = newID()
    preferences.clinicID = clinicID
    preferences.customerID = customer.id
    preferences.timezone = try clinic().timezone
    preferences.language = try details.language ?? clinic().language
    preferences.birthday = details.dateOfBirth
    insert(preferences)

    try welcome(customer)
    if let referrer { try welcomeReferred(customer, by: referrer) }
    try planBirthday(of: customer, after: now)
    return customer
  }

  private static func padded(_ number: Int, to width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }

  // MARK: Scan and proposal

  mutating func scanCustomer(_ command: ScanCustomer) throws -> JSON {
    let workflow = try workflow(command.step.workflow)
    try permit(.scanCustomer, on: workflow, command.step)
    let stage = try workflow.destination(of: .scanCustomer)
    try requireConsent(.healthData, of: workflow, given: command.consent)
    let onDuty = try activeStaff(roles: [.staff]).filter { $0.duty == .on }.map(\.id)
    let after = try move(workflow, to: stage, as: ActionRecord(.scanCustomer, command.step)) {
      $0.scanResults = command.results
    } effects: { draft, after, _ in
      try draft.finishTasks([.scanCustomer], of: after, as: .completed)
      try draft.addTask(
        .sendProposal, for: after, to: try draft.caretaker(of: after, .sales),
        due: TaskTemplate.due(.sendProposal, now: draft.now, start: nil))
      try draft.emit(
        .customerScanned, after, data: [:], staff: [after.assignedSalesID] + onDuty, roles: .leaders)
    }
    return try outcome(after)
  }

  mutating func sendProposal(_ command: SendProposal) throws -> JSON {
    let workflow = try workflow(command.step.workflow)
    try permit(.sendProposal, on: workflow, command.step)
    let stage = try workflow.destination(of: .sendProposal)
    guard command.plan.totalSt > 0 else {
      throw Refusal(
        .badRequest, "A proposal costs something.",
        details: ["path": "args.plan.totalSt", "problem": "more than 0 is expected"])
    }
    let plan = try planJSON(command.plan)
    let single = command.plan.items.count == 1 ? command.plan.items[0].treatment : nil
    let treatment = try single.map { try self.treatment($0, "plan.items[0].treatmentId") }
    let after = try move(
      workflow, to: stage,
      as: ActionRecord(.sendProposal, command.step, data: ["total_st": .integer(command.plan.totalSt)])
    ) {
      $0.treatmentPlan = plan
      if let treatment {
        $0.treatmentID = treatment.id
        $0.treatmentName = Texts(names: treatment.names)[.th]
      }
    } effects: { draft, after, _ in
      try draft.finishTasks([.sendProposal], of: after, as: .completed)
      try draft.finishTasks([.scanCustomer], of: after, as: .cancelled)
      try draft.addTask(
        .paymentReminder, for: after, to: try draft.caretaker(of: after, .sales),
        due: TaskTemplate.due(.paymentReminder, now: draft.now, start: nil))
      try draft.tellCustomer(.workflowUpdated, .proposalReady(satang: command.plan.totalSt), after)
      try draft.planPaymentReminder(after)
    }
    return try outcome(after, ["totalSt": .integer(command.plan.totalSt)])
  }

  private func planJSON(_ plan: Plan) throws -> JSON {
    var items: [JSON] = []
    for (index, item) in plan.items.enumerated() {
      let treatment = try item.treatment.map { try self.treatment($0, "plan.items[\(index)].treatmentId") }
      items.append([
        "treatment_id": .id(item.treatment),
        "name": .string(item.name ?? treatment.map { Texts(names: $0.names)[.th] } ?? ""),
        "quantity": .integer(item.quantity), "price_st": .integer(item.priceSt),
      ])
    }
    return ["items": .array(items), "discount_st": .integer(plan.discountSt), "total_st": .integer(plan.totalSt)]
  }

  // MARK: A new round

  /// A new case for the same customer, linked to the one before. With a scan on file it begins as scanned.
  mutating func startCycle(_ command: StartCycle) throws -> JSON {
    let old = try workflow(command.step.workflow)
    try permit(.startCycle, on: old, command.step)
    let isOver = old.status == .closed || old.currentStage == .treatmentCompleted || old.currentStage == .followUp
    guard isOver, old.status != .cancelled else { throw old.invalid("A new round follows a finished treatment") }
    if let open = try openLead(of: old.customerID) { return try outcome(open, ["existing": true]) }
    let treatment = try command.treatment.map { try self.treatment($0, "treatmentId") }
    var new = Workflow()
    new.id = newID()
    new.clinicID = clinicID
    new.customerID = old.customerID
    new.assignedSalesID = try caretaker(of: old, .sales) ?? (actor.role == .staff ? nil : actor.staff)
    new.treatmentID = treatment?.id
    new.treatmentName = treatment.map { Texts(names: $0.names)[.th] }
    new.scanResults = old.scanResults
    new.currentStage = old.scanResults == .emptyObject ? .leadCreated : .scanned
    new.stageEnteredAt = now
    new.metadata.set("previous_workflow_id", .id(old.id))
    insert(new)
    try announceCase(
      new, ActionRecord(.startCycle, command.step, data: ["previous_workflow_id": .id(old.id)]),
      try customer(old.customerID))
    return try outcome(new, ["existing": false, "previousWorkflowId": .id(old.id)])
  }
}

/// A phone number as it is stored and compared: digits, a leading zero for Thailand, `+` for elsewhere.
enum PhoneNumber {
  /// `nil` for what is no phone number.
  static func normalised(_ text: String) -> String? {
    var digits = ""
    var isInternational = false
    for character in text {
      if let digit = character.wholeNumberValue, (0...9).contains(digit) {
        // Thai digits are digits too.
        digits += String(digit)
      } else if character == "+" && digits.isEmpty {
        isInternational = true
      } else if !(character.isWhitespace || "-().".contains(character)) {
        return nil
      }
    }
    if !isInternational && digits.hasPrefix("00") {
      isInternational = true
      digits.removeFirst(2)
    }
    if isInternational && digits.hasPrefix("66") {
      isInternational = false
      digits = "0" + digits.dropFirst(2)
      // Written as +66 (0)81 …
      if digits.hasPrefix("00") { digits.removeFirst() }
    }
    guard (6...15).contains(digits.count) else { return nil }
    return (isInternational ? "+" : "") + digits
  }
}

/// A person's name as it is compared: without polite titles, case and the number of spaces.
enum PersonName {
  static func normalised(_ text: String) -> String {
    var words = text.lowercased().split(whereSeparator: \.isWhitespace).map(String.init)
    let titles: Set<String> = ["คุณ", "นาย", "นาง", "นางสาว", "mr", "mr.", "mrs", "mrs.", "ms", "ms.", "miss", "khun"]
    if words.count > 1, let first = words.first, titles.contains(first) { words.removeFirst() }
    if let first = words.first, first.hasPrefix("คุณ"), first.count > 3 {
      words[0] = String(first.dropFirst("คุณ".count))
    }
    return words.joined(separator: " ")
  }
}

extension Draft {
  func customer(_ id: ID) throws -> Customer {
    guard let customer = try row(Customer.self, id) else {
      throw Refusal(.notFound, "There is no such customer.", details: ["customer_id": .id(id)])
    }
    return customer
  }

  /// A customer with whom something new can begin: whoever was made anonymous is no longer there for that.
  func presentCustomer(_ id: ID) throws -> Customer {
    let customer = try customer(id)
    guard customer.anonymizedAt == nil else {
      throw Refusal(
        .notFound, "This customer is no longer known.", details: ["customer_id": .id(id), "problem": "anonymous"])
    }
    return customer
  }

  func preferences(of customer: ID) throws -> CustomerPreferences? {
    try rows(CustomerPreferences.self, Selection(.equal("customer_id", .id(customer)), limit: 1)).first
  }

  /// A treatment named by a command: of this clinic, and still offered.
  func treatment(_ id: ID, _ path: String) throws -> Treatment {
    guard let treatment = try row(Treatment.self, id) else {
      throw Refusal(
        .notFound, "There is no such treatment.",
        details: ["path": .string("args.\(path)"), "treatment_id": .id(id)])
    }
    guard treatment.isActive else {
      throw Refusal(
        .badRequest, "This treatment is no longer offered.",
        details: ["path": .string("args.\(path)"), "problem": "inactive", "treatment_id": .id(id)])
    }
    return treatment
  }

  func treatment(of workflow: Workflow) throws -> Treatment? {
    guard let id = workflow.treatmentID else { return nil }
    return try row(Treatment.self, id)
  }

  func treatmentTexts(_ workflow: Workflow) throws -> Texts {
    if let treatment = try treatment(of: workflow) { return Texts(names: treatment.names) }
    return workflow.treatmentName.map { Texts($0) } ?? Texts(th: "ทรีตเมนต์", en: "Treatment")
  }

  /// Consent that is on file or comes with the command; without either, `consent_required`.
  mutating func requireConsent(_ purpose: ConsentPurpose, of workflow: Workflow, given: ConsentGiven?) throws {
    guard let preferences = try preferences(of: workflow.customerID) else {
      throw Refusal(.notFound, "There is no such customer.", details: ["customer_id": .id(workflow.customerID)])
    }
    if preferences.consents[purpose.rawValue]?["given"]?.bool == true { return }
    guard let given else {
      throw Refusal(
        .consentRequired, "The customer has not given consent yet.",
        details: ["purpose": .word(purpose), "customer_id": .id(workflow.customerID), "path": "args.consent"])
    }
    let changed = try update(preferences) { [now, actor] row in
      row.consents.set(
        purpose.rawValue,
        [
          "given": true, "version": .string(given.version), "at": .instant(now), "channel": .string(given.channel),
          "recorded_by": .id(actor.user),
        ])
    }
    journey(
      .consentGiven, customer: workflow.customerID, workflow: workflow.id,
      key: "consent:\(workflow.customerID):\(purpose.rawValue):\(changed.version)",
      data: ["purpose": .word(purpose), "version": .string(given.version)])
  }
}

/// What a customer consents to; each apart, each with its version.
enum ConsentPurpose: String {
  case healthData = "health_data"
  case treatment
  case marketing
  /// Being written to on WhatsApp, which its operator wants asked for.
  case whatsapp
  /// Being contacted at all.
  case contact
}
