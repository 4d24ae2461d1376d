import AuraDomain
import AuraTransport

/// The HTTP routes.
extension Gateway {
  func refusal(of path: String, status: Int, text: String) -> HTTPResponse? {
    path.hasPrefix(API.path) ? shared.api.refusal(of: path, status: status, text: text) : nil
  }

  func http(_ request: HTTPRequest, respond: HTTPResponder) {
    // Liveness, not readiness: whoever watches this ends what does not answer, which would mend no full disk.
    if request.path == "/healthz" {
      guard request.method == "GET" || request.method == "HEAD" else {
        return respond.respond(
          HTTPResponse(status: 405, json: Array(#"{"error":"GET only"}"#.utf8), headers: [("Allow", "GET, HEAD")]))
      }
      return respond.respond(HTTPResponse(status: 200, json: Array(#"{"status":"ok"}"#.utf8)))
    }
    if request.path.hasPrefix(SignIn.path) { return shared.signIn.handle(request, respond) }
    if request.path.hasPrefix(GatewayEvents.path) { return shared.events.handle(request, respond) }
    if request.path.hasPrefix(MessagePages.path) { return shared.pages.handle(request, respond) }
    shared.api.handle(request, respond, isDraining: isDraining)
  }
}
