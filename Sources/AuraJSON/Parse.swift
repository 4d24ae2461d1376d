import AuraDomain
import CJansson

/// The door to jansson: every unsafe line that touches it is in this file.
///
/// What jansson refuses by itself: numbers outside 64 bits, lone surrogates, NUL, a byte-order mark, trailing data,
/// invalid UTF-8. What is ours: duplicate names, depth and the number of values.
package enum JSONLimits {
  package static let depthMax = 32
  /// A 64 KiB frame of `[{},{},…` would otherwise cost megabytes.
  package static let valuesMax = 8_192
}

/// Why a text is not JSON that is taken here. `offset` is in bytes.
package struct JSONFailure: Error, Equatable, Sendable {
  package var message: String
  package var offset: Int
}

/// Called once by the process before the first parse: jansson's hash seed is not thread-safe to initialise.
private let seeded: Void = json_object_seed(0)

extension JSON {
  /// Parses UTF-8 text of a JSON value.
  package static func parse(_ bytes: UnsafeRawBufferPointer, valuesMax: Int = JSONLimits.valuesMax) throws(JSONFailure)
    -> JSON
  {
    _ = seeded
    var failure = json_error_t()
    let flags = size_t(JSON_REJECT_DUPLICATES | JSON_DECODE_ANY)
    let text = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
    try checkDepth(bytes)
    guard let text, let root = json_loadb(text, bytes.count, flags, &failure) else {
      let message = withUnsafeBytes(of: failure.text) { raw in
        String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
      }
      throw JSONFailure(message: message.isEmpty ? "empty text" : message, offset: Int(max(0, failure.position)))
    }
    defer { json_decref(root) }
    var budget = valuesMax
    return try convert(root, &budget)
  }

  package static func parse(_ text: String) throws(JSONFailure) -> JSON {
    let bytes = Array(text.utf8)
    return try parse(bytes)
  }

  package static func parse(_ bytes: [UInt8]) throws(JSONFailure) -> JSON {
    var result: Result<JSON, JSONFailure> = .success(.null)
    bytes.withUnsafeBytes { buffer in
      do throws(JSONFailure) { result = .success(try parse(buffer)) } catch { result = .failure(error) }
    }
    return try result.get()
  }

  /// Refuses depth before jansson builds anything.
  private static func checkDepth(_ bytes: UnsafeRawBufferPointer) throws(JSONFailure) {
    var depth = 0
    var inString = false
    var escaped = false
    for (offset, byte) in bytes.enumerated() {
      if inString {
        if escaped {
          escaped = false
        } else if byte == UInt8(ascii: "\\") {
          escaped = true
        } else if byte == UInt8(ascii: "\"") {
          inString = false
        }
        continue
      }
      switch byte {
      case UInt8(ascii: "\""): inString = true
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        depth += 1
        if depth > JSONLimits.depthMax {
          throw JSONFailure(message: "deeper than \(JSONLimits.depthMax) levels", offset: offset)
        }
      case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
      default: break
      }
    }
  }

  private static func convert(_ node: UnsafeMutablePointer<json_t>, _ budget: inout Int) throws(JSONFailure) -> JSON {
    budget -= 1
    guard budget >= 0 else { throw JSONFailure(message: "too many values", offset: 0) }
    switch node.pointee.type {
    case JSON_OBJECT:
      var object = JSONObject()
      object.members.reserveCapacity(json_object_size(node))
      var iterator = json_object_iter(node)
      while let current = iterator {
        let name = String(cString: json_object_iter_key(current))
        object.members.append(.init(name: name, value: try convert(json_object_iter_value(current), &budget)))
        iterator = json_object_iter_next(node, current)
      }
      return .object(object)
    case JSON_ARRAY:
      let count = json_array_size(node)
      var values: [JSON] = []
      // Reserve no more than the budget can fill.
      values.reserveCapacity(min(count, budget))
      for index in 0..<count { values.append(try convert(json_array_get(node, index), &budget)) }
      return .array(values)
    case JSON_STRING:
      let text = UnsafeRawBufferPointer(start: json_string_value(node), count: json_string_length(node))
      return .string(String(decoding: text, as: UTF8.self))
    case JSON_INTEGER: return .integer(Int(json_integer_value(node)))
    case JSON_REAL: return .real(json_real_value(node))
    case JSON_TRUE: return .bool(true)
    case JSON_FALSE: return .bool(false)
    default: return .null
    }
  }
}
