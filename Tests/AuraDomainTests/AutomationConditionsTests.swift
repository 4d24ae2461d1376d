import Testing

@testable import AuraDomain

@Suite struct `A rule's conditions` {
  private func tree(_ json: JSON) throws -> ConditionTree { try ConditionTree(json) }

  private static func leaf(_ field: String, _ op: String, _ value: JSON) -> JSON {
    ["field": .string(field), "op": .string(op), "value": value]
  }

  // MARK: What holds

  /// Each operator against what a field can hold. Of what is absent only `exists false` is true, and `not` of the rest.
  static let golden = """
    visits eq 5                           5         yes
    visits eq 5                           6         no
    visits ne 5                           6         yes
    visits gt 5                           5         no
    visits gte 5                          5         yes
    visits lt 5                           -1        yes
    visits lte 5                          6         no
    visits in [1,5]                       5         yes
    visits in [1,5]                       2         no
    visits exists true                    0         yes
    visits eq 5                           -         no
    visits ne 5                           -         no
    visits lt 5                           -         no
    visits exists false                   -         yes
    visits exists true                    -         no
    spend_st gt 9223372036854775806       9223372036854775807  yes
    tier gte "gold"                       diamond   yes
    tier gte "gold"                       gold      yes
    tier gt "gold"                        gold      no
    tier lt "gold"                        silver    yes
    tier in ["gold","silver"]             silver    yes
    source eq "ads"                       ads       yes
    source ne "ads"                       website   yes
    source in ["ads","website"]           referral  no
    checked_in eq true                    true      yes
    checked_in ne true                    true      no
    treatment_category eq "Laser"         Laser     yes
    treatment_category eq "Laser"         laser     no
    treatment_category contains "aS"      Laser     yes
    treatment_category contains "x"       Laser     no
    tags contains "vip"                   [VIP,a]   yes
    tags contains "vi"                    [VIP,a]   no
    tags exists true                      []        no
    tags exists false                     []        yes
    tags contains "vip"                   -         no
    """

  @Test func `compare like this`() throws {
    let lines = Self.golden.split(separator: "\n").map { line in
      let parts = line.split(separator: " ", omittingEmptySubsequences: true).map(String.init)
      return (condition: parts[0..<3], fact: parts[3], holds: parts[4] == "yes")
    }
    #expect(lines.count == 35)
    for line in lines {
      let field = try #require(AutomationField(rawValue: line.condition[0]))
      let value = try #require(Literal.json(line.condition[2]))
      let tree = try tree(Self.leaf(line.condition[0], line.condition[1], value))
      let facts = [field: Literal.fact(line.fact, field)]
      #expect(tree.holds(facts) == line.holds, "\(line.condition.joined(separator: " ")) of \(line.fact)")
      #expect((tree.blame(facts) == nil) == line.holds)
      #expect(ConditionTree.not(tree).holds(facts) != line.holds)
    }
  }

  @Test func `of an id do not mind its letters`() throws {
    let upper = "01990000-0000-7000-8000-0000000000AB"
    let tree = try tree(Self.leaf("treatment_id", "eq", .string(upper)))
    #expect(tree.holds([.treatment: .text(upper.lowercased())]))
    #expect(!tree.holds([.treatment: .text("01990000-0000-7000-8000-0000000000ac")]))
  }

  @Test func `of trees are all, any and not`() throws {
    let (yes, no) = (Self.leaf("visits", "gte", 1), Self.leaf("visits", "lt", 1))
    let facts: [AutomationField: Fact] = [.visits: .integer(1)]
    for (json, holds, blame): (JSON, Bool, String?) in [
      ([:], true, nil),
      (["all": [yes, yes]], true, nil),
      (["all": [yes, no]], false, "visits lt 1"),
      (["any": [no, yes]], true, nil),
      (["any": [no, no]], false, "visits lt 1"),
      (["not": no], true, nil),
      (["not": yes], false, "not visits gte 1"),
      (["any": [["all": [yes, no]], ["not": ["any": [no]]]]], true, nil),
      (["all": [["any": [no, yes]], ["not": ["all": [yes]]]]], false, "not visits gte 1"),
    ] {
      let tree = try tree(json)
      #expect(tree.holds(facts) == holds, "\(json.text)")
      #expect(tree.blame(facts) == blame, "\(json.text)")
    }
  }

  // MARK: What is refused

  @Test func `are refused where they are wrong`() {
    func chain(_ depth: Int) -> JSON {
      (1..<depth).reduce(Self.leaf("visits", "eq", 1)) { json, _ in ["not": json] }
    }
    func many(_ count: Int) -> JSON { ["all": .array(Array(repeating: Self.leaf("visits", "eq", 1), count: count))] }
    for (json, path): (JSON, String?) in [
      (chain(4), nil), (chain(5), "conditions.not.not.not.not"),
      (many(19), nil), (many(20), "conditions.all[19]"),
      (["all": []], "conditions.all"), (["any": "x"], "conditions.any"), (["not": []], "conditions.not"),
      (["not": [:]], "conditions.not.field"),
      ([], "conditions"), ("x", "conditions"),
      (["all": [Self.leaf("visits", "eq", 1)], "any": [Self.leaf("visits", "eq", 1)]], "conditions"),
      (["field": "visits", "op": "eq", "value": 1, "code": "x"], "conditions"),
      (["field": "visits", "op": "eq"], "conditions.value"),
      (["op": "eq", "value": 1], "conditions.field"),
      (Self.leaf("medical_notes", "contains", "x"), "conditions.field"),
      (Self.leaf("visits", "matches", 1), "conditions.op"),
      (Self.leaf("visits", "contains", 1), "conditions.op"),
      (Self.leaf("checked_in", "gt", true), "conditions.op"),
      (Self.leaf("tags", "eq", "vip"), "conditions.op"),
      (Self.leaf("visits", "eq", "1"), "conditions.value"),
      (Self.leaf("visits", "eq", .real(1)), "conditions.value"),
      (Self.leaf("visits", "exists", 1), "conditions.value"),
      (Self.leaf("visits", "in", []), "conditions.value"),
      (Self.leaf("visits", "in", .array(Array(repeating: 1, count: 21))), "conditions.value"),
      (Self.leaf("visits", "in", [1, "2"]), "conditions.value"),
      (Self.leaf("tier", "gte", "iron"), "conditions.value"),
      (Self.leaf("treatment_id", "eq", "laser"), "conditions.value"),
      (Self.leaf("tags", "contains", ""), "conditions.value"),
      (Self.leaf("tags", "contains", .string(String(repeating: "x", count: 201))), "conditions.value"),
    ] {
      var found: String?
      do { _ = try ConditionTree(json) } catch { found = error.path }
      #expect(found == path, "\(json.text.prefix(80))")
    }
  }

  @Test func `name the field that nobody knows`() {
    do {
      _ = try ConditionTree(["not": Self.leaf("mood", "eq", "good")])
      Issue.record("a rule about the mood")
    } catch {
      #expect(error.unknownField == "mood")
    }
  }

  @Test func `never ask of a field what it does not hold, nor of a customer's health`() {
    for field in AutomationField.allCases {
      #expect(field.type.operators.contains(.exists))
      for word in ["medical", "allerg", "scan", "skin", "concern", "note"] {
        #expect(!field.rawValue.contains(word), "\(field)")
      }
    }
  }

  // MARK: Whatever is written

  @Test(arguments: UInt64(1)...8)
  func `do no harm, whatever they are`(seed: UInt64) throws {
    var trees = RandomTrees(seed: seed)
    var accepted = 0
    for _ in 0..<2_000 {
      let json = trees.next()
      let tree: ConditionTree
      do { tree = try ConditionTree(json) } catch { continue }
      accepted += 1
      let size = Size(tree)
      #expect(size.depth <= ConditionTree.depthMax && size.nodes <= ConditionTree.nodesMax, "\(json.text)")
      for _ in 0..<4 {
        let facts = trees.facts()
        #expect((tree.blame(facts) == nil) == tree.holds(facts))
        #expect(ConditionTree.not(tree).holds(facts) == !tree.holds(facts))
      }
    }
    #expect(accepted > 200, "seed \(seed): \(accepted)")
  }
}

private struct Size {
  var depth = 0
  var nodes = 0

  init(_ tree: ConditionTree) {
    switch tree {
    case .always: break
    case .leaf: (depth, nodes) = (1, 1)
    case .not(let child): add([child])
    case .all(let children), .any(let children): add(children)
    }
  }

  private mutating func add(_ children: [ConditionTree]) {
    let sizes = children.map { Size($0) }
    depth = 1 + (sizes.map(\.depth).max() ?? 0)
    nodes = 1 + sizes.reduce(0) { $0 + $1.nodes }
  }
}

/// Trees as people and their programs write them: mostly right.
private struct RandomTrees {
  var random: SplitMix64

  init(seed: UInt64) { random = SplitMix64(state: seed) }

  private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
  private mutating func pick<T>(_ list: [T]) -> T { list[Int.random(in: 0..<list.count, using: &random)] }

  mutating func next() -> JSON { chance(3) ? junk() : node(Int.random(in: 1...5, using: &random)) }

  private mutating func node(_ depth: Int) -> JSON {
    if depth <= 1 || chance(40) { return leaf() }
    switch Int.random(in: 0..<5, using: &random) {
    case 0, 1: return ["all": list(depth)]
    case 2, 3: return ["any": list(depth)]
    default: return ["not": node(depth - 1)]
    }
  }

  private mutating func list(_ depth: Int) -> JSON {
    .array((0..<Int.random(in: chance(5) ? 0...8 : 1...3, using: &random)).map { _ in node(depth - 1) })
  }

  private mutating func leaf() -> JSON {
    let field = pick(AutomationField.allCases)
    let op = chance(90) ? pick(field.type.operators) : pick(ConditionOperator.allCases)
    var leaf: JSONObject = ["field": .word(field), "op": .word(op)]
    if chance(98) { leaf["value"] = chance(3) ? junk() : value(field, op) }
    if chance(2) { leaf["extra"] = 1 }
    return .object(leaf)
  }

  private mutating func value(_ field: AutomationField, _ op: ConditionOperator) -> JSON {
    switch op {
    case .exists: .bool(chance(50))
    case .in: .array((0..<Int.random(in: 1...3, using: &random)).map { _ in single(field) })
    case .eq, .ne, .gt, .gte, .lt, .lte, .contains: single(field)
    }
  }

  private mutating func single(_ field: AutomationField) -> JSON {
    switch field.type {
    case .integer: .integer(pick([0, 1, -1, 5, .max, .min, 7]))
    case .flag: .bool(chance(50))
    case .word(let words), .rank(let words): .string(pick(words))
    case .id: .string("01990000-0000-7000-8000-00000000000\(Int.random(in: 0...9, using: &random))")
    case .text, .list: .string(pick(["vip", "VIP", "ก", "a b", "%_"]))
    }
  }

  private mutating func junk() -> JSON {
    pick([.null, 1, "x", [], [:], .real(.nan), .bool(true), ["all": 1], [["not": [:]]]])
  }

  mutating func facts() -> [AutomationField: Fact] {
    var facts: [AutomationField: Fact] = [:]
    for field in AutomationField.allCases where chance(80) {
      // Now and then of another kind than the field's: a row may have been written by another program.
      facts[field] =
        switch chance(5) ? .text : field.type {
        case .integer: .integer(pick([0, 1, -1, .max, .min]))
        case .flag: .flag(chance(50))
        case .word(let words), .rank(let words): .text(pick(words))
        case .id: .text("01990000-0000-7000-8000-000000000001")
        case .text: .text(pick(["", "vip", "ก"]))
        case .list: .list(pick([[], ["vip"], ["a b", "ก"]]))
        }
    }
    return facts
  }
}

/// Facts and values as the golden table writes them.
private enum Literal {
  static func fact(_ text: String, _ field: AutomationField) -> Fact {
    if text == "-" { return .absent }
    switch field.type {
    case .integer: return .integer(Int(text) ?? 0)
    case .flag: return .flag(text == "true")
    case .list: return .list(text.dropFirst().dropLast().split(separator: ",").map(String.init))
    case .word, .rank, .id, .text: return .text(text)
    }
  }

  /// A number, a flag, a text, or a list of them.
  static func json(_ text: String) -> JSON? {
    if text.hasPrefix("[") {
      return .array(text.dropFirst().dropLast().split(separator: ",").compactMap { json(String($0)) })
    }
    if text.hasPrefix("\"") { return .string(String(text.dropFirst().dropLast())) }
    if let flag = Bool(text) { return .bool(flag) }
    return Int(text).map(JSON.integer)
  }
}
