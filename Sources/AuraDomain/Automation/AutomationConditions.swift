/// When a rule applies: data, not code.
///
///     {"all": [{"field": "tier", "op": "gte", "value": "gold"},
///              {"not": {"field": "tags", "op": "contains", "value": "vip"}}]}
///
/// A node has one member, `all`, `any` (lists that are not empty) or `not`, or is a leaf of `field`, `op`, `value`.
/// `{}` always holds.
package indirect enum ConditionTree: Sendable, Equatable {
  case always
  case all([ConditionTree])
  case any([ConditionTree])
  case not(ConditionTree)
  case leaf(ConditionLeaf)

  package static let depthMax = 4
  package static let nodesMax = 20
  /// Values behind `in`, and bytes of a text.
  package static let valuesMax = 20
  package static let textBytesMax = 200
}

package struct ConditionLeaf: Sendable, Equatable {
  package var field: AutomationField
  package var op: ConditionOperator
  package var value: JSON

  package init(_ field: AutomationField, _ op: ConditionOperator, _ value: JSON) {
    self.field = field
    self.op = op
    self.value = value
  }

  /// `tier gte "gold"`: the rule's own words, nothing of a customer's.
  var text: String { "\(field.rawValue) \(op.rawValue) \(value.text)" }
}

/// What is wrong with conditions, and where: `conditions.all[1].op`.
package struct ConditionProblem: Error, Sendable, Equatable {
  package var path: String
  package var problem: String
  /// The field, if it is one that this program does not know.
  package var unknownField: String?
}

extension ConditionTree {
  /// Reads conditions, holding them to the limits and to what their fields may be asked.
  package init(_ json: JSON, path: String = "conditions") throws(ConditionProblem) {
    var nodes = 0
    self = try Self.read(json, path, depth: 1, &nodes)
  }

  private static func read(
    _ json: JSON, _ path: String, depth: Int, _ nodes: inout Int
  ) throws(ConditionProblem) -> ConditionTree {
    guard let members = json.object?.members else {
      throw ConditionProblem(path: path, problem: "an object is expected")
    }
    if members.isEmpty && depth == 1 { return .always }
    guard depth <= depthMax else { throw ConditionProblem(path: path, problem: "at most \(depthMax) levels") }
    nodes += 1
    guard nodes <= nodesMax else { throw ConditionProblem(path: path, problem: "at most \(nodesMax) nodes") }
    if let member = members.first, members.count == 1 {
      let path = "\(path).\(member.name)"
      switch member.name {
      case "all": return .all(try list(member.value, path, depth, &nodes))
      case "any": return .any(try list(member.value, path, depth, &nodes))
      case "not": return .not(try read(member.value, path, depth: depth + 1, &nodes))
      default: break
      }
    }
    for member in members where !["field", "op", "value"].contains(member.name) {
      throw ConditionProblem(
        path: path, problem: "one of all, any, not is expected, or field, op, value; not \(member.name.prefix(40))")
    }
    return .leaf(try leaf(json, path))
  }

  private static func list(
    _ json: JSON, _ path: String, _ depth: Int, _ nodes: inout Int
  ) throws(ConditionProblem) -> [ConditionTree] {
    guard let entries = json.array, !entries.isEmpty else {
      throw ConditionProblem(path: path, problem: "a list of conditions is expected")
    }
    var children: [ConditionTree] = []
    for (index, entry) in entries.enumerated() {
      children.append(try read(entry, "\(path)[\(index)]", depth: depth + 1, &nodes))
    }
    return children
  }

  private static func leaf(_ json: JSON, _ path: String) throws(ConditionProblem) -> ConditionLeaf {
    guard let name = json["field"]?.string else {
      throw ConditionProblem(path: "\(path).field", problem: "is missing")
    }
    guard let field = AutomationField(rawValue: name) else {
      throw ConditionProblem(
        path: "\(path).field", problem: "there is no field \(name.prefix(40))", unknownField: String(name.prefix(40)))
    }
    let known = field.type.operators.map(\.rawValue).joined(separator: ", ")
    guard let op = json["op"]?.string.flatMap(ConditionOperator.init(rawValue:)), field.type.operators.contains(op)
    else { throw ConditionProblem(path: "\(path).op", problem: "one of \(known) is expected") }
    guard let value = json["value"], value != .null else {
      throw ConditionProblem(path: "\(path).value", problem: "is missing")
    }
    let leaf = ConditionLeaf(field, op, value)
    if let problem = leaf.problem { throw ConditionProblem(path: "\(path).value", problem: problem) }
    return leaf
  }
}

extension ConditionLeaf {
  /// What is wrong with the value for this field and operator; `nil` when it fits.
  fileprivate var problem: String? {
    switch op {
    case .exists: return value.bool == nil ? "true or false is expected" : nil
    case .in:
      guard let values = value.array, (1...ConditionTree.valuesMax).contains(values.count) else {
        return "a list of 1 … \(ConditionTree.valuesMax) values is expected"
      }
      return values.lazy.compactMap { self.problem(of: $0) }.first
    case .eq, .ne, .gt, .gte, .lt, .lte, .contains: return problem(of: value)
    }
  }

  private func problem(of value: JSON) -> String? {
    switch field.type {
    case .integer: return value.integer == nil ? "an integer is expected" : nil
    case .flag: return value.bool == nil ? "true or false is expected" : nil
    case .word(let words), .rank(let words):
      guard let word = value.string, words.contains(word) else {
        return "one of \(words.joined(separator: ", ")) is expected"
      }
      return nil
    case .id: return value.id == nil ? "a UUID is expected" : nil
    case .text, .list:
      guard let text = value.string, !text.isEmpty, text.utf8.count <= ConditionTree.textBytesMax else {
        return "text of 1 … \(ConditionTree.textBytesMax) bytes is expected"
      }
      return nil
    }
  }
}

// MARK: Evaluating

extension ConditionTree {
  /// The leaves in the order written.
  package var leaves: [ConditionLeaf] {
    switch self {
    case .always: []
    case .all(let children), .any(let children): children.flatMap(\.leaves)
    case .not(let child): child.leaves
    case .leaf(let leaf): [leaf]
    }
  }

  package var fields: Set<AutomationField> { Set(leaves.map(\.field)) }

  /// Whether the conditions hold of a case with these facts; a field that is not among them is absent.
  package func holds(_ facts: [AutomationField: Fact]) -> Bool {
    switch self {
    case .always: true
    case .all(let children): children.allSatisfy { $0.holds(facts) }
    case .any(let children): children.contains { $0.holds(facts) }
    case .not(let child): !child.holds(facts)
    case .leaf(let leaf): leaf.holds(facts[leaf.field] ?? .absent)
    }
  }

  /// The condition for whose sake the whole does not hold, in the rule's own words; `nil` when it holds.
  package func blame(_ facts: [AutomationField: Fact]) -> String? {
    switch self {
    case .always: nil
    case .all(let children): children.lazy.compactMap { $0.blame(facts) }.first
    case .any(let children): holds(facts) ? nil : children.lazy.compactMap { $0.blame(facts) }.first
    case .not(let child): child.holds(facts) ? "not \(child.leaves.first?.text ?? "")" : nil
    case .leaf(let leaf): leaf.holds(facts[leaf.field] ?? .absent) ? nil : leaf.text
    }
  }
}

extension ConditionLeaf {
  package func holds(_ fact: Fact) -> Bool {
    switch op {
    case .exists: (fact != .absent && fact != .list([])) == (value.bool ?? true)
    case .eq: isEqual(fact, value)
    case .ne: fact != .absent && !isEqual(fact, value)
    case .in: value.array?.contains { isEqual(fact, $0) } ?? false
    case .gt: compared(fact) { $0 > $1 }
    case .gte: compared(fact) { $0 >= $1 }
    case .lt: compared(fact) { $0 < $1 }
    case .lte: compared(fact) { $0 <= $1 }
    case .contains: contains(fact)
    }
  }

  private func isEqual(_ fact: Fact, _ value: JSON) -> Bool {
    switch fact {
    case .absent, .list: false
    case .integer(let fact): fact == value.integer
    case .flag(let fact): fact == value.bool
    case .text(let fact): field.type == .id ? ID(fact) != nil && ID(fact) == value.id : fact == value.string
    }
  }

  private func compared(_ fact: Fact, _ holds: (Int, Int) -> Bool) -> Bool {
    switch fact {
    case .integer(let fact): return value.integer.map { holds(fact, $0) } ?? false
    case .text(let fact):
      guard case .rank(let words) = field.type, let mine = words.firstIndex(of: fact),
        let asked = value.string.flatMap({ words.firstIndex(of: $0) })
      else { return false }
      return holds(mine, asked)
    case .absent, .flag, .list: return false
    }
  }

  /// Capital and small letters are the same.
  private func contains(_ fact: Fact) -> Bool {
    guard let wanted = value.string?.lowercased() else { return false }
    switch fact {
    case .list(let values): return values.contains { $0.lowercased() == wanted }
    case .text(let text):
      let (text, wanted) = (Array(text.lowercased().utf8), Array(wanted.utf8))
      return text.indices.contains { text[$0...].starts(with: wanted) }
    case .absent, .integer, .flag: return false
    }
  }
}
