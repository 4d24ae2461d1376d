import AuraDomain

/// Bills, payments and refunds.
extension APIRoute {
  static let till: [APIRoute] = [
    APIRoute(.get, "/api/pos/transactions", .meta, top: ["transactions"]) { call in
      let (customer, workflow) = (
        try call.parameterID("customerId", "customer_id"), try call.parameterID("workflowId", "workflow_id")
      )
      let (limit, after) = (try call.limit(20, max: 100), try call.parameterID("after"))
      return .read { APIPage(try $0.bills(customer, workflow, limit: limit, after: after)) }
    },
    APIRoute(.post, "/api/pos/transactions", .meta) { call in .command(try TillCommand.sale(call)) },
    APIRoute(.patch, "/api/pos/transactions", .meta) { call in .command(try TillCommand.change(call)) },
    APIRoute(.post, "/api/payments", .meta) { call in .command(try TillCommand.payment(call)) },
  ]
}

enum TillCommand {
  private static let saleID = APIArgument("saleId", "transactionId", "transaction_id")

  /// A bill, with its coupon and its payment where the body has them: all of it or nothing.
  static func sale(_ call: APICall) throws -> APICommand {
    try call.need(["customerId", "customer_id"], ["items"])
    let (command, names) = try call.command(
      "createSale",
      [
        APIArgument("customerId", "customer_id"), APIArgument("items", kind: .lines),
        APIArgument.money("discountSt", "discount", "discount_amount"),
      ])
    let code = try call.text("couponCode", "coupon_code")
    let method = try call.text("paymentMethod", "payment_method")
    let amount = try call.value("amount").map { try APIArgument.satang($0, "amount") }
    // Decoded now so that a mistake in them is told before anything is done; the bill's id is not known yet.
    let blank = ID(high: 0, low: 0)
    let coupon = try code.map {
      try call.command("applyCoupon", [], with: ["saleId": .id(blank), "code": .string($0)]).command
    }
    let payment = try method.map {
      try call.command(
        "paySale", [], with: ["saleId": .id(blank), "amountSt": .integer(amount ?? 0), "paymentMethod": .string($0)]
      ).command
    }
    var api = APICommand(command, names: names) { result, draft in
      var bill = result
      guard let id = result["saleId"]?.id else { return result }
      if case .applyCoupon(_, let code) = coupon { bill = try decide(.applyCoupon(sale: id, code: code), &draft) }
      if case .paySale(var pay) = payment {
        pay.sale = id
        pay.amountSt = amount ?? bill["totalSt"]?.integer ?? 0
        bill = try decide(.paySale(pay), &draft)
      }
      return try told(bill, draft, "The bill is made.")
    }
    api.namesCode = coupon != nil
    return api
  }

  static func change(_ call: APICall) throws -> APICommand {
    try call.need(["transactionId", "transaction_id", "saleId"], ["action"])
    switch try call.text("action") {
    case "applyCoupon":
      try call.need(["couponCode", "coupon_code", "code"])
      return try one(
        "applyCoupon", [APIArgument("code", "couponCode", "coupon_code")], call, "The coupon is on the bill.")
    case "removeCoupon": return try one("removeCoupon", [], call, "The coupon is off the bill.")
    case "void": return try one("voidSale", [], call, "The bill is void.")
    case "refund":
      return try one(
        "refundSale", [APIArgument.money("amountSt", "amount"), APIArgument("reason")], call, "The money is given back."
      )
    default: throw Refusal(.badRequest, "Invalid action", details: ["path": "action"])
    }
  }

  /// The payment of a bill, or of a case.
  static func payment(_ call: APICall) throws -> APICommand {
    if call.value("workflowId", "workflow_id", "journeyId") != nil {
      guard let confirm = WorkflowAction.all["confirmPayment"] else { throw Refusal(.internal, "There is no payment.") }
      return try confirm.command(call)
    }
    try call.need(["transactionId", "transaction_id", "saleId"], ["amount"], ["paymentMethod", "payment_method"])
    return try one(
      "paySale", [APIArgument.money("amountSt", "amount"), APIArgument("paymentMethod", "payment_method")], call,
      "The bill is paid.")
  }

  private static func one(
    _ name: String, _ arguments: [APIArgument], _ call: APICall, _ message: String
  ) throws -> APICommand {
    let (command, names) = try call.command(name, [saleID] + arguments)
    return APICommand(command, names: names) { result, draft in try told(result, draft, message) }
  }

  /// The bill as it stands after the command, beside what the command itself says.
  private static func told(_ result: JSON, _ draft: Draft, _ message: String) throws -> JSON {
    var data = result.object ?? JSONObject()
    data["message"] = .string(message)
    data["transactionId"] = result["saleId"]
    let row = try result["saleId"]?.id.flatMap { try draft.row(PosTransaction.self, $0) }
    data["transaction"] = row.map { .object($0.visible(to: draft.actor)) } ?? .null
    return .object(data)
  }
}

extension APIReading {
  /// Bills, newest first; `next` is the `after` of the next page.
  func bills(_ customer: ID?, _ workflow: ID?, limit: Int, after: ID?) throws -> JSON {
    var conditions: [Condition] = []
    if let customer { conditions.append(.equal("customer_id", .id(customer))) }
    if actor.kind == .customer {
      guard let own = actor.customer, customer ?? own == own else {
        throw Refusal(.forbidden, "This is for yourself only.", details: ["needs": "own"])
      }
      conditions = [.equal("customer_id", .id(own))]
    }
    if let workflow { conditions.append(.equal("workflow_id", .id(workflow))) }
    let found = try topic(PosTransaction.self, conditions, limit: limit, after: after)
    return [
      "transactions": .array(found.map { .object(visible($0)) }),
      "next": found.count == limit ? .id(found.last?.id) : .null,
    ]
  }
}
