import AuraDomain
import AuraMetrics
import AuraTransport

/// The HTTP routes.
extension Gateway {
  func refusal(of path: String, status: Int, text: String) -> HTTPResponse? {
    path.hasPrefix(API.path) ? shared.api.refusal(of: path, status: status, text: text) : nil
  }

  func http(_ request: HTTPRequest, respond: HTTPResponder) {
    let respond = counting(request, respond)
    if Operations.paths.contains(request.path) { return shared.operations.handle(request, respond) }
    if request.path.hasPrefix(SignIn.path) { return shared.signIn.handle(request, respond) }
    if request.path.hasPrefix(GatewayEvents.path) { return shared.events.handle(request, respond) }
    if request.path.hasPrefix(MessagePages.path) { return shared.pages.handle(request, respond) }
    shared.api.handle(request, respond, isDraining: isDraining)
  }

  /// Counts the answer, how long it took, and whether it was a limit's.
  private func counting(_ request: HTTPRequest, _ responder: HTTPResponder) -> HTTPResponder {
    let begun = Stopwatch.nanoseconds()
    let (counts, refusals, path) = (counts, shared.metrics.refusals, request.path)
    return HTTPResponder { response in
      counts.httpRequests.counter(response.status).add()
      counts.httpSeconds.observe(Stopwatch.nanoseconds() - begun)
      if response.status == 429 {
        refusals.count(
          path.hasPrefix(SignIn.path) ? .signIn : path.hasPrefix(GatewayEvents.path) ? .gatewayEvents : .routes)
      }
      responder.respond(response)
    }
  }
}
