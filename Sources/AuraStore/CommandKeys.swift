import AuraDomain
import AuraJSON

/// What each key was answered, so that a repeat has no second effect.
enum CommandKeys {
  private static let find: SQL = """
    SELECT digest, seq, result, refusal FROM sys_commands WHERE clinic_id = $1 AND actor = $2 AND key = $3
    """
  private static let insert: SQL = """
    INSERT INTO sys_commands (clinic_id, actor, key, digest, name, at, seq, result, refusal)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    """

  /// The first outcome of a key that is known; `key_reused` when it was another request's.
  static func outcome(_ session: SQLSession, _ request: CommandRequest, epoch: String) throws -> Outcome? {
    try session.first(find, .id(request.clinic), actor(request), .text(request.key)) { row in
      guard row.bytes(0) == request.digest else {
        let refusal = Refusal(
          .keyReused, "This key was used for another request.", details: ["key": .string(request.key)])
        return Outcome(key: request.key, duplicate: false, result: .failure(refusal))
      }
      if row.isNull(3) {
        let accepted = Outcome.Accepted(epoch: epoch, seq: row.integer(1), result: row.utf8(2))
        return Outcome(key: request.key, duplicate: true, result: .success(accepted))
      }
      return Outcome(key: request.key, duplicate: true, result: .failure(try refusal(row.text(3))))
    }
  }

  static func remember(
    _ session: SQLSession, _ request: CommandRequest, at now: Instant, _ result: Result<Outcome.Accepted, Refusal>
  ) throws {
    let (seq, accepted, refused): (SQLValue, SQLValue, SQLValue) =
      switch result {
      case .success(let accepted): (.integer(accepted.seq), .utf8(accepted.result), .null)
      case .failure(let refusal): (.null, .null, .text(text(refusal)))
      }
    try session.execute(
      insert, .id(request.clinic), actor(request), .text(request.key), .blob(request.digest),
      .text(request.command.name), .instant(now), seq, accepted, refused)
  }

  private static func actor(_ request: CommandRequest) -> SQLValue { request.user.map(SQLValue.id) ?? "system" }

  private static func text(_ refusal: Refusal) -> String {
    let json: JSON = [
      "code": .string(refusal.code.rawValue), "message": .string(refusal.message), "details": refusal.details,
    ]
    return json.text
  }

  private static func refusal(_ text: String) throws -> Refusal {
    guard let json = try? JSON.parse(text), let code = json["code"]?.string.flatMap(ErrorCode.init(rawValue:)) else {
      throw StoreFailure.damaged(table: "sys_commands", column: "refusal", text: text)
    }
    return Refusal(code, json["message"]?.string ?? "", details: json["details"] ?? .emptyObject)
  }
}
