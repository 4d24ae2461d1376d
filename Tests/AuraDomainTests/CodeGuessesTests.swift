import Testing

@testable import AuraDomain

@Suite struct `Guessing codes` {
  private let clinic = ID(high: 1, low: 1)
  private let user = ID(high: 2, low: 2)

  @Test func `is over after ten, for a minute each`() {
    var guesses = CodeGuesses()
    var now = Instant(milliseconds: 1_000_000)
    for _ in 0..<10 { #expect(guesses.take(clinic: clinic, user: user, now: now) == nil) }
    #expect(guesses.take(clinic: clinic, user: user, now: now) == .minutes(1))
    #expect(guesses.take(clinic: clinic, user: ID(high: 3, low: 3), now: now) == nil)
    now = now + .minutes(1)
    #expect(guesses.take(clinic: clinic, user: user, now: now) == nil)
    #expect(guesses.take(clinic: clinic, user: user, now: now) == .minutes(1))
    now = now + .minutes(10)
    for _ in 0..<10 { #expect(guesses.take(clinic: clinic, user: user, now: now) == nil) }
  }

  @Test func `does not count what was no guess`() {
    var guesses = CodeGuesses()
    let now = Instant(milliseconds: 1_000_000)
    for _ in 0..<100 {
      #expect(guesses.take(clinic: clinic, user: user, now: now) == nil)
      guesses.giveBack(clinic: clinic, user: user)
    }
  }

  @Test func `is by name of a command, also of one that a stage stands for`() {
    var payment = ConfirmPayment(step: WorkflowStep(user), amountSt: 1, method: .cash)
    func transition() -> Command {
      .transition(
        Transition(
          workflow: user, stage: .paymentConfirmed,
          candidates: [
            .init(action: .startTreatment, command: .failure(Refusal(.badRequest, "no"))),
            .init(action: .confirmPayment, command: .success(.confirmPayment(payment))),
          ]))
    }
    #expect(!Command.confirmPayment(payment).namesCode && !transition().namesCode)
    payment.couponCode = "RWD-AAAAAAAA"
    #expect(Command.confirmPayment(payment).namesCode && transition().namesCode)
    #expect(Command.applyCoupon(sale: user, code: "RWD-AAAAAAAA").namesCode)
    #expect(!Command.removeCoupon(sale: user).namesCode)
  }

  @Test func `is told from a coupon that cannot be used now`() throws {
    let it = try LoyaltyWorld()
    let code = try it.world.code(it.ten, it.customer)
    let (one, two) = (try it.world.bill(it.customer, 100_000), try it.world.bill(it.customer, 100_000))
    try it.world.run(.applyCoupon(sale: one, code: code), as: .s1)
    #expect(it.world.refusal(.applyCoupon(sale: two, code: code), as: .s1)?.isWrongCode == false)
    #expect(it.world.refusal(.applyCoupon(sale: two, code: "RWD-AAAAAAAA"), as: .s1)?.isWrongCode == true)
    #expect(it.world.refusal(.redeemReward(reward: it.ten, customer: it.customer), as: .s1)?.isWrongCode == false)
  }
}
