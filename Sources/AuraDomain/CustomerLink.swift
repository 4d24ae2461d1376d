/// Gives a customer's page to whoever signs in with an account: the user, or the address that the account is known by.
package struct LinkCustomer: Sendable, Equatable {
  package enum Account: Sendable, Equatable {
    case user(ID)
    case email(String)
  }

  package var customer: ID
  package var account: Account

  package init(customer: ID, account: Account) {
    self.customer = customer
    self.account = account
  }
}

/// Rights are read from `customers.user_id` in the transaction that asks for them, and the hub ends streams at the
/// commit that changes it: nothing else has to be told.
extension Draft {
  mutating func linkCustomer(_ command: LinkCustomer) throws -> JSON {
    let customer = try presentCustomer(command.customer)
    let user = try account(command.account)
    // Who sells could otherwise look into, and redeem from, anybody's page as its owner.
    if actor.role == .sales && user == actor.user {
      throw Refusal(
        .forbidden, "One's own account is linked by an owner or admin.",
        details: ["deed": .string(Deed.linkCustomer.rawValue), "needs": "another"])
    }
    if customer.userID == user { return outcome(customer, already: true) }
    if customer.userID != nil {
      throw Refusal(
        .duplicate, "The customer has an account; take it away first.",
        details: ["path": "args.customerId", "customer_id": .id(customer.id)])
    }
    if let other = try rows(Customer.self, Selection(.equal("user_id", .id(user)), limit: 1)).first {
      throw Refusal(
        .duplicate, "The account is another customer's.",
        details: ["path": "args.userId", "customer_id": .id(other.id), "customer_code": .string(other.customerCode)])
    }
    return outcome(try update(customer) { $0.userID = user }, already: false)
  }

  mutating func unlinkCustomer(_ id: ID) throws -> JSON {
    let customer = try customer(id)
    return outcome(try update(customer) { $0.userID = nil }, already: customer.userID == nil)
  }

  private func account(_ account: LinkCustomer.Account) throws -> ID {
    switch account {
    case .user(let id):
      guard try userExists(id) else {
        throw Refusal(.notFound, "There is no such user.", details: ["path": "args.userId", "user_id": .id(id)])
      }
      return id
    case .email(let email):
      guard let id = try activeUser(email: email) else {
        throw Refusal(.notFound, "There is no such user.", details: ["path": "args.email"])
      }
      return id
    }
  }

  private func outcome(_ customer: Customer, already: Bool) -> JSON {
    [
      "customerId": .id(customer.id), "userId": .id(customer.userID), "version": .integer(customer.version),
      "already": .bool(already),
    ]
  }
}
