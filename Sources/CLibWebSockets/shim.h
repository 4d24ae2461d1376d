#pragma once
#include <uv.h>
#include <libwebsockets.h>

// What Swift does not import by itself: options of type long long, and unsigned where the struct wants it.

// The libuv plug-in is the loop; text is checked as UTF-8, also across pieces.
static const uint64_t aura_lws_options =
    LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_VALIDATE_UTF8 | LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
static const uint64_t aura_lws_tls_option = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
// Room that lws_write needs before a payload.
enum { LWS_PRE_BYTES = LWS_PRE };

// A socket for a stream that a child process does not inherit. Its flags are enumerators of glibc, which Swift sees in some builds only.
static inline int aura_stream_socket(int family) {
  return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

// accept4 is declared only for _GNU_SOURCE, which Swift's Glibc module does not always set.
extern int accept4(int, struct sockaddr *, socklen_t *, int);
static inline int aura_accept(int listener, struct sockaddr *address, socklen_t *length) {
  return accept4(listener, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}
