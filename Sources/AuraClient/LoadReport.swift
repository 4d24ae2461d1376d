import AuraDomain
import Histogram

/// What a load test found.
package struct LoadReport: Sendable {
  /// Percentiles in microseconds.
  package struct Latency: Sendable {
    package var count: Int
    package var p50: Int
    package var p99: Int
    package var p999: Int
    package var max: Int

    init(_ histogram: Histogram<UInt64>) {
      count = Int(histogram.totalCount)
      p50 = count == 0 ? 0 : Int(histogram.valueAtPercentile(50))
      p99 = count == 0 ? 0 : Int(histogram.valueAtPercentile(99))
      p999 = count == 0 ? 0 : Int(histogram.valueAtPercentile(99.9))
      max = count == 0 ? 0 : Int(histogram.max)
    }

    var json: JSON {
      [
        "count": .integer(count), "p50_us": .integer(p50), "p99_us": .integer(p99), "p999_us": .integer(p999),
        "max_us": .integer(max),
      ]
    }

    var text: String {
      guard count > 0 else { return "none" }
      func ms(_ microseconds: Int) -> String {
        let hundredths = (microseconds + 5) / 10
        return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)".leftPadded(to: 9)
      }
      return "\(ms(p50))\(ms(p99))\(ms(p999))\(ms(max))  ms"
    }
  }

  package var seconds: Double
  package var clinics: Int
  package var connections: Int
  package var idleConnections: Int
  package var commands: Int
  package var deliveries: Int
  package var lost: Int
  package var outOfOrder: Int
  package var repeated: Int
  package var gaps: Int
  package var reconnects: Int
  package var refused: Int
  package var firstRefusal: String?
  /// Commands that were never answered.
  package var unanswered: Int
  package var commandToAck: Latency
  /// From the first connection that saw a commit to the last of its clinic.
  package var commitToLastDelivery: Latency
  /// From sending `confirmPayment` to the frame at the beautician's socket.
  package var paymentToBeautician: Latency
  /// From the ack of `confirmPayment` to that frame; 0 where the frame came first.
  package var handoff: Latency
  package var serverCPUSeconds: Double?

  /// Nothing was lost, and the work was done.
  package var hasPassed: Bool { lost == 0 && outOfOrder == 0 && unanswered == 0 && refused == 0 && commands > 0 }

  package var commandsPerSecond: Double { seconds > 0 ? Double(commands) / seconds : 0 }
  package var deliveriesPerSecond: Double { seconds > 0 ? Double(deliveries) / seconds : 0 }
  /// The server's CPU time of a delivered commit, its command's share included.
  package var serverMicrosecondsPerDelivery: Double? {
    guard let serverCPUSeconds, deliveries > 0 else { return nil }
    return serverCPUSeconds * 1_000_000 / Double(deliveries)
  }
  package var serverMicrosecondsPerCommand: Double? {
    guard let serverCPUSeconds, commands > 0 else { return nil }
    return serverCPUSeconds * 1_000_000 / Double(commands)
  }

  package var json: JSON {
    var object: JSONObject = [
      "seconds": .real(rounded(seconds)), "clinics": .integer(clinics), "connections": .integer(connections),
      "idle_connections": .integer(idleConnections), "commands": .integer(commands),
      "commands_per_second": .real(rounded(commandsPerSecond)), "deliveries": .integer(deliveries),
      "deliveries_per_second": .real(rounded(deliveriesPerSecond)), "lost": .integer(lost),
      "out_of_order": .integer(outOfOrder), "repeated": .integer(repeated), "gaps": .integer(gaps),
      "reconnects": .integer(reconnects), "refused": .integer(refused), "unanswered": .integer(unanswered),
      "command_to_ack": commandToAck.json, "commit_to_last_delivery": commitToLastDelivery.json,
      "payment_to_beautician": paymentToBeautician.json, "handoff": handoff.json, "passed": .bool(hasPassed),
    ]
    if let firstRefusal { object["first_refusal"] = .string(firstRefusal) }
    if let serverCPUSeconds { object["server_cpu_seconds"] = .real(rounded(serverCPUSeconds)) }
    if let cost = serverMicrosecondsPerDelivery { object["server_us_per_delivery"] = .real(rounded(cost)) }
    if let cost = serverMicrosecondsPerCommand { object["server_us_per_command"] = .real(rounded(cost)) }
    return .object(object)
  }

  package var text: String {
    var lines = [
      "\(connections) connections of \(clinics) \(clinics == 1 ? "clinic" : "clinics")"
        + (idleConnections > 0 ? ", \(idleConnections) idle beside them" : "") + ", \(rounded(seconds)) s",
      "",
      "  commands    \(commands)  (\(rounded(commandsPerSecond))/s)",
      "  deliveries  \(deliveries)  (\(rounded(deliveriesPerSecond))/s)",
      "  lost        \(lost)",
      "  disordered  \(outOfOrder)",
      "  gaps        \(gaps)",
      "  reconnects  \(reconnects)",
    ]
    if repeated > 0 { lines.append("  repeated    \(repeated)") }
    if unanswered > 0 { lines.append("  unanswered  \(unanswered)") }
    if refused > 0 { lines.append("  refused     \(refused)  (first: \(firstRefusal ?? "?"))") }
    lines += [
      "",
      "                                   p50      p99    p99.9      max",
      "  command → ack              \(commandToAck.text)",
      "  commit → last delivery     \(commitToLastDelivery.text)",
      "  payment → beautician       \(paymentToBeautician.text)",
      "  its ack → beautician       \(handoff.text)",
    ]
    if let serverCPUSeconds, let command = serverMicrosecondsPerCommand, let delivery = serverMicrosecondsPerDelivery {
      lines += [
        "",
        "  server CPU  \(rounded(serverCPUSeconds)) s: \(rounded(command)) µs a command, \(rounded(delivery)) µs a delivery",
      ]
    }
    lines += ["", hasPassed ? "Nothing was lost." : "FAILED: see above."]
    return lines.joined(separator: "\n")
  }

  private func rounded(_ value: Double) -> Double { (value * 10).rounded() / 10 }
}
