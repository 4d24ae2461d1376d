import CLibWebSockets

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

extension Door {
  func listen() {
    guard !hasGivenListener, let listener, let vhost else { return }
    hasGivenListener = true
    var descriptor = lws_sock_file_fd_type()
    descriptor.filefd = listener
    listenerSocket = lws_adopt_descriptor_vhost(vhost, LWS_ADOPT_RAW_FILE_DESC, descriptor, protocols[0].name, nil)
    if listenerSocket == nil { loop.log.error("the listener could not be handed to libwebsockets") }
  }

  func stopListening() {
    guard let socket = listenerSocket else { return }
    lws_set_timeout(socket, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC)
    needsKick = true
  }

  /// Accepts what waits, at most as many in one turn as leaves the others their time.
  func acceptWaiting() {
    guard let listener, let vhost else { return }
    for _ in 0..<128 {
      var address = sockaddr_storage()
      var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
      let descriptor = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          aura_accept(listener, $0, &length)
        }
      }
      guard descriptor >= 0 else {
        if errno == EINTR || errno == ECONNABORTED { continue }
        if errno == EMFILE || errno == ENFILE { refuseWithSpare() }
        return
      }
      guard let connection = loop.admit(SocketAddress.text(address)) else {
        close(descriptor)
        continue
      }
      var adoption = lws_adopt_desc_t()
      adoption.vh = vhost
      adoption.type = lws_adoption_type(
        rawValue: LWS_ADOPT_SOCKET.rawValue | LWS_ADOPT_HTTP.rawValue | LWS_ADOPT_ALLOW_SSL.rawValue)
      adoption.fd.sockfd = descriptor
      // The loop holds the connection until WSI_DESTROY, which also comes when the adoption fails half-way.
      adoption.opaque = Unmanaged.passUnretained(connection).toOpaque()
      if let socket = lws_adopt_descriptor_vhost_via_info(&adoption) {
        connection.socket = Socket(socket)
      } else {
        connection.phase = .ended
      }
    }
  }

  /// Without a descriptor left, a waiting connection would wake the loop for ever: close it by means of the spare one.
  private func refuseWithSpare() {
    loop.configuration.counts.refusedWithoutDescriptor.add()
    guard let listener, spare >= 0 else { return }
    close(spare)
    let descriptor = accept(listener, nil, nil)
    if descriptor >= 0 { close(descriptor) }
    spare = open("/dev/null", O_RDONLY | O_CLOEXEC)
  }
}
