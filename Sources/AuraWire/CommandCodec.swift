import AuraDomain

extension Command {
  /// Every name that `decode` knows, in the order of the documentation.
  package static let names: [String] = all.map(\.name) + aliases.map(\.name)

  /// Reads a command's name and `args`. Throws `unknown_command`, or `bad_request` with `details.path`.
  ///
  /// Times are Unix milliseconds, money is satang (`…St`). Common to the steps of a case: `workflowId` (or `journeyId`),
  /// `notes`, `reason`, and from devices that were offline `deviceSeq` and `clientTime`.
  package static func decode(name: String, args: JSON) throws(Refusal) -> Command {
    let known = aliases.first { $0.name == name }?.of ?? name
    guard let decoder = all.first(where: { $0.name == known }) else {
      throw Refusal(.unknownCommand, "There is no command \(name.prefix(64)).", details: ["path": "name"])
    }
    var arguments = try Arguments(args == .null ? .emptyObject : args)
    let command = try decoder.decode(&arguments)
    try arguments.finish()
    return command
  }

  typealias Decode = @Sendable (inout Arguments) throws(Refusal) -> Command

  private static let aliases: [(name: String, of: String)] = [("inviteMember", "addMember")]

  private static let all = decoders + loyaltyDecoders + followUpDecoders + automationDecoders

  private static let decoders: [(name: String, decode: Decode)] = [
    ("initialize", { (a) throws(Refusal) in .initialize(try a.initialize()) }),
    ("scanCustomer", { (a) throws(Refusal) in .scanCustomer(try a.scanCustomer()) }),
    ("sendProposal", { (a) throws(Refusal) in .sendProposal(try a.sendProposal()) }),
    ("confirmPayment", { (a) throws(Refusal) in .confirmPayment(try a.confirmPayment()) }),
    ("scheduleAppointment", { (a) throws(Refusal) in .scheduleAppointment(try a.scheduleAppointment()) }),
    ("checkIn", { (a) throws(Refusal) in .checkIn(try a.step()) }),
    ("startTreatment", { (a) throws(Refusal) in .startTreatment(try a.startTreatment()) }),
    ("completeTreatment", { (a) throws(Refusal) in .completeTreatment(try a.completeTreatment()) }),
    ("sendFollowUp", { (a) throws(Refusal) in .sendFollowUp(try a.sendFollowUp()) }),
    ("closeCase", { (a) throws(Refusal) in .closeCase(try a.step()) }),
    ("reassign", { (a) throws(Refusal) in .reassign(try a.reassign()) }),
    ("noShow", { (a) throws(Refusal) in .noShow(try a.step()) }),
    ("abortTreatment", { (a) throws(Refusal) in .abortTreatment(try a.step()) }),
    ("cancel", { (a) throws(Refusal) in .cancel(try a.cancel()) }),
    ("reopen", { (a) throws(Refusal) in .reopen(try a.step()) }),
    ("correct", { (a) throws(Refusal) in .correct(try a.step()) }),
    ("startCycle", { (a) throws(Refusal) in .startCycle(try a.startCycle()) }),
    ("transition", { (a) throws(Refusal) in .transition(try a.transition()) }),
    ("createTask", { (a) throws(Refusal) in .createTask(try a.createTask()) }),
    ("startTask", { (a) throws(Refusal) in .startTask(try a.taskStep(starts: true)) }),
    ("completeTask", { (a) throws(Refusal) in .completeTask(try a.taskStep()) }),
    ("updateTask", { (a) throws(Refusal) in .updateTask(try a.updateTask()) }),
    ("claimTask", { (a) throws(Refusal) in .claimTask(try a.taskStep()) }),
    (
      "setDuty",
      { (a) throws(Refusal) in
        .setDuty(SetDuty(staff: try a.optionalID("staffId"), duty: try a.word("duty", Duty.self)))
      }
    ),
    ("addMember", { (a) throws(Refusal) in .addMember(try a.addMember()) }),
    ("changeRole", { (a) throws(Refusal) in .changeRole(try a.changeRole()) }),
    (
      "revokeMembership",
      { (a) throws(Refusal) in .revokeMembership(RevokeMembership(staff: try a.id("staffId"), reason: try a.reason())) }
    ),
    ("linkCustomer", { (a) throws(Refusal) in .linkCustomer(try a.linkCustomer()) }),
    ("unlinkCustomer", { (a) throws(Refusal) in .unlinkCustomer(customer: try a.id("customerId")) }),
    (
      "forgetCustomer",
      { (a) throws(Refusal) in .forgetCustomer(customer: try a.id("customerId"), reason: try a.reason()) }
    ),
  ]
}

extension Query {
  package static let names = [
    "workflowHistory", "clinicWorkflows", "myTasks", "staff", "treatments", "me", "loyaltyProfile", "rewards",
    "pointHistory", "coupons", "loyaltySettings", "followUpRules", "followUpTemplates", "followUps", "followUpResults",
    "dryRunFollowUp",
    "preferences",
    "automationRules", "automationRuns", "dryRunAutomation", "unreadCount",
  ]

  /// Reads a query's name and `args`. Throws `unknown_command`, or `bad_request` with `details.path`.
  package static func decode(name: String, args: JSON) throws(Refusal) -> Query {
    var a = try Arguments(args == .null ? .emptyObject : args)
    let query: Query
    switch name {
    case "workflowHistory": query = .workflowHistory(workflow: try a.id("workflowId", or: "journeyId"))
    case "clinicWorkflows": query = .clinicWorkflows(try a.workflowFilter())
    case "myTasks": query = .myTasks(try a.taskFilter())
    case "staff": query = .staff(includeInactive: try a.flag("includeInactive") ?? false)
    case "treatments": query = .treatments(includeInactive: try a.flag("includeInactive") ?? false)
    case "me": query = .me
    case "loyaltyProfile": query = .loyaltyProfile(customer: try a.optionalID("customerId"))
    case "rewards": query = .rewards(customer: try a.optionalID("customerId"))
    case "pointHistory": query = .pointHistory(try a.historyFilter())
    case "coupons": query = .coupons(customer: try a.optionalID("customerId"))
    case "followUpRules": query = .followUpRules
    case "followUpTemplates": query = .followUpTemplates(type: try a.optionalWord("type", FollowUpType.self))
    case "followUps": query = .followUps(try a.followUpFilter())
    case "followUpResults": query = .followUpResults(try a.followUpResults())
    case "dryRunFollowUp": query = .dryRunFollowUp(try a.followUpDryRun())
    case "preferences": query = .preferences(customer: try a.optionalID("customerId"))
    case "automationRules": query = .automationRules
    case "automationRuns": query = .automationRuns(try a.automationRuns())
    case "dryRunAutomation": query = .dryRunAutomation(try a.dryRunAutomation())
    case "unreadCount": query = .unreadCount
    case "loyaltySettings": query = .loyaltySettings
    default: throw Refusal(.unknownCommand, "There is no query \(name.prefix(64)).", details: ["path": "name"])
    }
    try a.finish()
    return query
  }
}

/// Sizes of what people write, in bytes of UTF-8 (a Thai letter has three).
enum Size {
  static let name = 600
  static let notes = 12_000
  static let reason = 3_000
  static let word = 200
}

/// 100 million baht: beyond any sale, far from where sums could overflow.
let satangMax = 10_000_000_000

extension Arguments {
  fileprivate mutating func notes() throws(Refusal) -> String? { try optionalText("notes", bytesMax: Size.notes) }
  mutating func reason() throws(Refusal) -> String? { try optionalText("reason", bytesMax: Size.reason) }

  private mutating func device() throws(Refusal) -> DeviceMark? {
    let seq = try optionalInteger("deviceSeq", in: 0...Int(Int32.max))
    let clientTime = try optionalInstant("clientTime")
    return seq == nil && clientTime == nil ? nil : DeviceMark(seq: seq, clientTime: clientTime)
  }

  fileprivate mutating func step() throws(Refusal) -> WorkflowStep {
    WorkflowStep(
      try id("workflowId", or: "journeyId"), notes: try notes(), reason: try reason(), device: try device())
  }

  /// `"consent": {"version": "2026-01", "channel": "in_person"}`, both optional.
  mutating func consent() throws(Refusal) -> ConsentGiven? {
    guard var a = try optionalArguments("consent") else { return nil }
    var consent = ConsentGiven()
    if let version = try a.optionalText("version", bytesMax: Size.word) { consent.version = version }
    if let channel = try a.optionalText("channel", bytesMax: Size.word) { consent.channel = channel }
    try a.finish()
    return consent
  }

  /// `YYYY-MM-DD`, a day that exists in every reading of the calendar that matters here.
  private mutating func day(_ name: String) throws(Refusal) -> String? {
    guard let text = try optionalText(name, bytesMax: 10) else { return nil }
    let parts = text.split(separator: "-", omittingEmptySubsequences: false).map { part in
      part.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ? Int(part) : nil
    }
    guard text.utf8.count == 10, parts.count == 3, let year = parts[0], let month = parts[1], let day = parts[2],
      (1900...2200).contains(year), (1...12).contains(month), (1...31).contains(day)
    else { throw bad(name, "a day such as 1990-02-28 is expected") }
    return text
  }

  fileprivate mutating func initialize() throws(Refusal) -> Initialize {
    var c = try arguments("customer", or: "customerData")
    var customer = CustomerDetails(
      name: try c.text("name", bytesMax: Size.name), phone: try c.text("phone", bytesMax: Size.word))
    customer.nickname = try c.optionalText("nickname", bytesMax: Size.name)
    customer.email = try c.optionalText("email", bytesMax: 320)
    customer.age = try c.optionalInteger("age", in: 0...130)
    customer.dateOfBirth = try c.day("dateOfBirth")
    customer.gender = try c.optionalText("gender", bytesMax: Size.word)
    customer.source = try c.optionalWord("source", CustomerSource.self)
    customer.allergies = try c.optionalText("allergies", bytesMax: Size.notes)
    customer.language = try c.optionalWord("language", Language.self)
    customer.referralCode = try c.optionalText("referralCode", bytesMax: 32)
    if let email = customer.email, !email.contains("@") { throw c.bad("email", "an address with @ is expected") }
    try c.finish()
    var command = Initialize(customer: customer, sales: try optionalID("salesId"))
    command.treatment = try optionalID("treatmentId")
    command.scanID = try optionalText("scanId", bytesMax: Size.word)
    command.notes = try notes()
    return command
  }

  fileprivate mutating func scanCustomer() throws(Refusal) -> ScanCustomer {
    ScanCustomer(step: try step(), results: try object("scanResults"), consent: try consent())
  }

  /// `"plan": {"items": [{"treatmentId", "name", "quantity", "priceSt"}], "discountSt", "totalSt"}`; with items the
  /// total may be left out, and must be their sum less the discount if it is not.
  fileprivate mutating func sendProposal() throws(Refusal) -> SendProposal {
    let step = try step()
    var p = try arguments("plan")
    let items = try p.planItems() ?? []
    // 50 lines of a thousand at the highest price are far from overflowing.
    let sum = items.reduce(0) { $0 + $1.priceSt * $1.quantity }
    let discount = try p.optionalInteger("discountSt", in: 0...satangMax) ?? 0
    let total = try p.optionalInteger("totalSt", in: 0...satangMax)
    try p.finish()
    if !items.isEmpty {
      guard sum - discount >= 0, sum <= satangMax else { throw p.bad("discountSt", "0 … \(sum) is expected") }
      if let total, total != sum - discount { throw p.bad("totalSt", "the items come to \(sum - discount)") }
    }
    guard let total = items.isEmpty ? total : sum - discount else { throw p.bad("totalSt", "is missing") }
    return SendProposal(step: step, plan: Plan(items: items, discountSt: items.isEmpty ? 0 : discount, totalSt: total))
  }

  mutating func planItems() throws(Refusal) -> [Plan.Item]? {
    guard let entries = try list("items", countMax: 50) else { return nil }
    var items: [Plan.Item] = []
    for entry in entries {
      var a = try Arguments(entry.value, path: entry.path)
      var item = Plan.Item(priceSt: try a.integer("priceSt", in: 0...satangMax))
      item.treatment = try a.optionalID("treatmentId")
      item.name = try a.optionalText("name", bytesMax: Size.name)
      item.quantity = try a.optionalInteger("quantity", in: 1...1_000) ?? 1
      if item.treatment == nil && item.name == nil { throw a.bad("treatmentId", "a treatment or a name is expected") }
      try a.finish()
      items.append(item)
    }
    return items
  }

  /// `amountSt` in satang, or `amount` in baht as the original's clients send it.
  mutating func amount() throws(Refusal) -> Int {
    guard let (name, value) = try value("amountSt", "amount") else { throw bad("amountSt", "is missing") }
    let satang: Int
    switch (name, value) {
    case ("amountSt", .integer(let st)): satang = st
    case ("amount", .integer(let baht)) where (0...satangMax / 100).contains(baht): satang = baht * 100
    case ("amount", .real(let baht)) where (0...Double(satangMax / 100)).contains(baht):
      satang = Int((baht * 100).rounded())
      guard abs(baht * 100 - Double(satang)) < 0.001 else { throw bad(name, "whole satang are expected") }
    default: throw bad(name, "an amount in \(name == "amount" ? "baht" : "satang") is expected")
    }
    guard (0...satangMax).contains(satang) else { throw bad(name, "0 … \(satangMax) satang is expected") }
    return satang
  }

  fileprivate mutating func confirmPayment() throws(Refusal) -> ConfirmPayment {
    var command = ConfirmPayment(
      step: try step(), amountSt: try amount(), method: try word("paymentMethod", PaymentMethod.self))
    command.treatment = try optionalID("treatmentId")
    command.treatmentName = try optionalText("treatmentName", bytesMax: Size.name)
    command.beautician = try optionalID("beauticianId")
    command.scheduledTime = try optionalInstant("scheduledTime")
    command.room = try optionalText("room", bytesMax: Size.word)
    command.priority = try optionalWord("priority", TaskPriority.self, aliases: Alias.priorities)
    command.couponCode = try optionalText("couponCode", bytesMax: 32)
    command.override = try flag("override") ?? false
    return command
  }

  fileprivate mutating func scheduleAppointment() throws(Refusal) -> ScheduleAppointment {
    var command = ScheduleAppointment(step: try step(), scheduledTime: try instant("scheduledTime"))
    command.beautician = try optionalID("beauticianId")
    command.durationMinutes = try optionalInteger("durationMinutes", in: 5...Slot.minutesMax)
    command.treatment = try optionalID("treatmentId")
    command.room = try optionalText("room", bytesMax: Size.word)
    command.priority = try optionalWord("priority", TaskPriority.self, aliases: Alias.priorities)
    command.override = try flag("override") ?? false
    return command
  }

  fileprivate mutating func startTreatment() throws(Refusal) -> StartTreatment {
    var command = StartTreatment(step: try step(), takeover: try flag("takeover") ?? false)
    command.beautician = try optionalID("beauticianId")
    command.consent = try consent()
    return command
  }

  fileprivate mutating func completeTreatment() throws(Refusal) -> CompleteTreatment {
    CompleteTreatment(step: try step(), checklist: try optionalObject("checklist"))
  }

  fileprivate mutating func sendFollowUp() throws(Refusal) -> SendFollowUp {
    SendFollowUp(step: try step(), channel: try optionalWord("channel", Channel.self))
  }

  fileprivate mutating func reassign() throws(Refusal) -> Reassign {
    let command = Reassign(
      step: try step(), sales: try optionalID("salesId"), beautician: try optionalID("beauticianId"),
      override: try flag("override") ?? false)
    if command.sales == nil && command.beautician == nil {
      throw bad("beauticianId", "somebody to hand over to is expected")
    }
    return command
  }

  fileprivate mutating func cancel() throws(Refusal) -> Cancel {
    Cancel(step: try step(), settlement: try optionalWord("settlement", Settlement.self))
  }

  fileprivate mutating func startCycle() throws(Refusal) -> StartCycle {
    StartCycle(step: try step(), treatment: try optionalID("treatmentId"))
  }

  /// `toStage`, and in `metadata` the arguments of the action that leads there.
  fileprivate mutating func transition() throws(Refusal) -> Transition {
    let workflow = try id("workflowId", or: "journeyId")
    let stage = try word("toStage", Stage.self, aliases: Alias.stages)
    var metadata = try optionalObject("metadata") ?? .emptyObject
    metadata.set("journeyId", nil)
    metadata.set("workflowId", .string(workflow.description))
    var candidates: [Transition.Candidate] = []
    for action in Edges.actions(leadingTo: stage) {
      let command: Result<Command, Refusal>
      do throws(Refusal) {
        command = .success(try Command.decode(name: action.commandName, args: metadata))
      } catch {
        command = .failure(error)
      }
      candidates.append(.init(action: action, command: command))
    }
    return Transition(workflow: workflow, stage: stage, candidates: candidates)
  }

  fileprivate mutating func createTask() throws(Refusal) -> CreateTask {
    var command = CreateTask(
      workflow: try id("workflowId", or: "journeyId"), type: try word("type", TaskType.self, aliases: Alias.taskTypes))
    command.assignedTo = try optionalID("assignedTo")
    command.title = try optionalText("title", bytesMax: Size.name)
    command.description = try optionalText("description", bytesMax: Size.notes)
    command.priority = try optionalWord("priority", TaskPriority.self, aliases: Alias.priorities)
    command.dueDate = try optionalInstant("dueDate")
    command.estimatedMinutes = try optionalInteger("estimatedMinutes", in: 1...1_440)
    command.taskData = try optionalObject("taskData")
    command.dedupeKey = try optionalText("dedupeKey", bytesMax: Size.word)
    return command
  }

  fileprivate mutating func taskStep(starts: Bool = false) throws(Refusal) -> TaskStep {
    var step = TaskStep(try id("taskId"), notes: try notes(), device: try device())
    if starts {
      step.takeover = try flag("takeover") ?? false
      step.consent = try consent()
    }
    return step
  }

  fileprivate mutating func updateTask() throws(Refusal) -> UpdateTask {
    var command = UpdateTask(step: try taskStep())
    command.status = try optionalWord("status", TaskStatus.self)
    command.priority = try optionalWord("priority", TaskPriority.self, aliases: Alias.priorities)
    command.dueDate = try optionalInstant("dueDate")
    command.description = try optionalText("description", bytesMax: Size.notes)
    command.assignedTo = try optionalID("assignedTo")
    command.reason = try reason()
    return command
  }

  fileprivate mutating func addMember() throws(Refusal) -> AddMember {
    AddMember(
      user: try id("userId"), role: try word("role", Role.self, aliases: Alias.roles),
      isFrontDesk: try flag("frontDesk") ?? false,
      skills: try texts("skills", countMax: 50, bytesMax: Size.word) ?? [])
  }

  /// `"userId"` or `"email"`, one of them.
  fileprivate mutating func linkCustomer() throws(Refusal) -> LinkCustomer {
    let customer = try id("customerId")
    let user = try optionalID("userId")
    let email = try optionalText("email", bytesMax: 320)
    switch (user, email) {
    case (let user?, nil): return LinkCustomer(customer: customer, account: .user(user))
    case (nil, let email?): return LinkCustomer(customer: customer, account: .email(email))
    case (nil, nil): throw bad("userId", "a user or an address is expected")
    case (_?, _?): throw bad("email", "the same as userId; give one of them")
    }
  }

  fileprivate mutating func changeRole() throws(Refusal) -> ChangeRole {
    ChangeRole(
      staff: try id("staffId"), role: try word("role", Role.self, aliases: Alias.roles),
      isFrontDesk: try flag("frontDesk"), skills: try texts("skills", countMax: 50, bytesMax: Size.word))
  }

  /// `"assigned": "me"` or a staff id; `stage` one word or a list.
  fileprivate mutating func workflowFilter() throws(Refusal) -> WorkflowFilter {
    var filter = WorkflowFilter()
    filter.stages = try words("stage", Stage.self, aliases: Alias.stages)
    filter.status = try optionalWord("status", WorkflowStatus.self)
    if let (name, value) = try value("assigned") {
      if value == "me" {
        filter.assigned = .me
      } else if let id = value.string.flatMap({ ID($0) }) {
        filter.assigned = .staff(id)
      } else {
        throw bad(name, "\"me\" or a UUID is expected")
      }
    }
    filter.search = try optionalText("search", bytesMax: Size.word)
    filter.limit = try optionalInteger("limit", in: 1...WorkflowFilter.limitMax) ?? filter.limit
    filter.after = try optionalID("after")
    return filter
  }

  fileprivate mutating func taskFilter() throws(Refusal) -> TaskFilter {
    var filter = TaskFilter()
    filter.status = try optionalWord("status", TaskFilter.Status.self) ?? filter.status
    filter.includesPool = try flag("pool") ?? filter.includesPool
    filter.limit = try optionalInteger("limit", in: 1...TaskFilter.limitMax) ?? filter.limit
    return filter
  }
}
