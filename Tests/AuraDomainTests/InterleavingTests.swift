import Testing

@testable import AuraDomain

/// The same few commands of several people in every order in which they can arrive.
@Suite struct `Whoever comes first` {
  /// What the people of one run know.
  private final class Scene {
    let it: LoyaltyWorld
    var codes: [String: String] = [:]
    var redemptions: [String: ID] = [:]
    var sales: [String: ID] = [:]
    var refusals: [ErrorCode] = []

    init() throws { it = try LoyaltyWorld() }

    /// A refusal is an answer.
    func attempt(_ work: () throws -> Void) throws {
      do { try work() } catch let refusal as Refusal { refusals.append(refusal.code) }
    }

    func redeem(_ who: String, _ person: World.Person, _ reward: ID) throws {
      try attempt {
        let result = try it.world.run(
          .redeemReward(reward: reward, customer: it.customer), as: person, key: "redeem-\(who)")
        codes[who] = result["couponCode"]?.string
        redemptions[who] = result["redemptionId"]?.id
      }
    }
    func cancel(_ who: String) throws {
      guard let id = redemptions[who] else { return }
      try attempt { try it.world.run(.cancelRedemption(redemption: id), as: .customer) }
    }
    func bill(_ who: String) throws { sales[who] = try it.world.bill(it.customer, 100_000) }
    func apply(_ who: String, code: String?) throws {
      guard let sale = sales[who], let code else { return }
      try attempt { try it.world.run(.applyCoupon(sale: sale, code: code), as: .s1) }
    }
    func pay(_ who: String) throws {
      guard let sale = sales[who] else { return }
      _ = try it.world.pay(sale)
    }
  }

  private typealias Step = (Scene) throws -> Void

  /// Every merge of the lists that keeps each one's order.
  private func merges(_ lists: [[Step]]) -> [[Step]] {
    if lists.allSatisfy(\.isEmpty) { return [[]] }
    var result: [[Step]] = []
    for index in lists.indices {
      guard let first = lists[index].first else { continue }
      var rest = lists
      rest[index].removeFirst()
      result += merges(rest).map { [first] + $0 }
    }
    return result
  }

  private func check(_ scene: Scene) throws {
    let world = scene.it.world
    let profile = try world.profile(scene.it.customer)
    let ledger = world.rows.of(PointTransaction.self, customer: scene.it.customer)
    var balance = 0
    for row in ledger {
      balance += row.amount
      #expect(balance >= 0)
    }
    #expect(profile.availablePoints == balance)
    let redemptions = world.rows.all(LoyaltyRedemption.self)
    for reward in world.rows.all(LoyaltyReward.self) {
      let taken = redemptions.count { $0.rewardID == reward.id && $0.status != .cancelled }
      #expect(reward.currentRedemptions == taken)
      #expect(taken <= reward.maxRedemptions ?? .max)
    }
    for redemption in redemptions {
      let coupon = try world.coupon(redemption.code)
      #expect((redemption.status == .applied) == (coupon.status == .used))
      let on = world.rows.all(PosTransaction.self).filter { $0.couponID == coupon.id }
      #expect(on.count <= 1)
      #expect((on.first?.paymentStatus == .paid) == (coupon.status == .used))
    }
  }

  @Test func `has the points: two redemptions, balance for one, and one that is given back`() throws {
    let lists: [[Step]] = [
      [{ try $0.redeem("phone", .customer, $0.it.ten) }, { try $0.cancel("phone") }],
      [{ try $0.redeem("till", .s1, $0.it.ten) }, { try $0.cancel("till") }],
      [{ try $0.redeem("tablet", .customer, $0.it.ten) }],
    ]
    let orders = merges(lists)
    #expect(orders.count == 30)
    var outcomes = Set<Int>()
    for order in orders {
      let scene = try Scene()
      for step in order { try step(scene) }
      try check(scene)
      #expect(scene.refusals.allSatisfy { $0 == .insufficientPoints })
      #expect(scene.refusals.count + scene.redemptions.count == 3)
      #expect([150, 650].contains(try scene.it.world.profile(scene.it.customer).availablePoints))
      outcomes.insert(scene.redemptions.count)
    }
    #expect(outcomes == [1, 2, 3])
  }

  @Test func `has the coupon: two tills, one code, and its owner who takes it back`() throws {
    let lists: [[Step]] = [
      [{ try $0.bill("one") }, { try $0.apply("one", code: $0.codes["phone"]) }, { try $0.pay("one") }],
      [{ try $0.bill("two") }, { try $0.apply("two", code: $0.codes["phone"]) }, { try $0.pay("two") }],
      [{ try $0.cancel("phone") }],
    ]
    let orders = merges(lists)
    #expect(orders.count == 140)
    for order in orders {
      let scene = try Scene()
      try scene.redeem("phone", .customer, scene.it.ten)
      for step in order { try step(scene) }
      try check(scene)
      let paid = scene.it.world.rows.all(PosTransaction.self).filter { $0.workflowID == nil }.map(\.paidSt).sorted()
      let isCancelled = try scene.it.world.redemption(scene.redemptions["phone"]).status == .cancelled
      #expect(paid == (isCancelled ? [100_000, 100_000] : [90_000, 100_000]))
    }
  }

  @Test func `has the last of a reward`() throws {
    let lists: [[Step]] = [
      [{ try $0.redeem("phone", .customer, $0.it.ten) }, { try $0.cancel("phone") }],
      [{ try $0.redeem("till", .s1, $0.it.ten) }],
      [{ try $0.redeem("desk", .desk, $0.it.ten) }],
    ]
    for order in merges(lists) {
      let scene = try Scene()
      try scene.it.world.run(
        .awardPoints(AwardPoints(customer: scene.it.customer, points: 2_000, transaction: "t")), as: .o1)
      var last = RewardDetails()
      last.maxRedemptions = 1
      try scene.it.world.run(.updateReward(reward: scene.it.ten, last), as: .o1)
      for step in order { try step(scene) }
      try check(scene)
      #expect(scene.refusals.allSatisfy { $0 == .couponUnavailable })
    }
  }

  /// The writer takes one command after the other. Were two ever decided on the same rows, the versions of what both
  /// have changed would stop the second.
  @Test func `is known by the rows' versions too`() throws {
    let it = try LoyaltyWorld()
    let world = it.world
    let code = try world.code(try world.reward("small", cost: 10), it.customer)
    let (one, two) = (try world.bill(it.customer, 100_000), try world.bill(it.customer, 200_000))
    func draft(_ command: Command, _ number: UInt64) throws -> [Change] {
      var draft = Draft(
        rows: world.rows, actor: world.actor(.s1), now: world.now, seq: world.seq + 1, commandKey: "k\(number)",
        ids: IDGenerator(random: SplitMix64(state: number)))
      _ = try decide(command, &draft)
      return draft.changes
    }
    let pairs: [(Command, Command)] = [
      (.redeemReward(reward: it.ten, customer: it.customer), .redeemReward(reward: it.ten, customer: it.customer)),
      (.applyCoupon(sale: one, code: code), .applyCoupon(sale: two, code: code)),
      (
        .paySale(PaySale(sale: two, amountSt: 200_000, method: .cash)),
        .paySale(PaySale(sale: two, amountSt: 200_000, method: .card))
      ),
    ]
    for (number, (first, second)) in zip(UInt64(1)..., pairs) {
      let (a, b) = (try draft(first, number * 1_000), try draft(second, number * 1_000 + 1))
      try world.rows.apply(a)
      #expect(throws: MemoryRows.Broken.self) { try world.rows.apply(b) }
    }
  }
}
