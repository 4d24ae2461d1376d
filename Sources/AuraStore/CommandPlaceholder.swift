import AuraDomain

/// Stands for the domain's commands until they are there.
package enum Command: Sendable {
  case fire(PlannedTimer)

  package var name: String {
    switch self {
    case .fire: "fire"
    }
  }
}
