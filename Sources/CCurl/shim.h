#pragma once
#include <sys/socket.h>
#include <curl/curl.h>

// Enumerators in one release, macros in the next.
static const long aura_curl_tls_1_2 = CURL_SSLVERSION_TLSv1_2;
static const long aura_curl_http_1_1 = CURL_HTTP_VERSION_1_1;
static const long aura_curl_tls_always = CURLUSESSL_ALL;

// curl_easy_setopt and its like take what they are given (`...`), which Swift does not import: one function for each
// type that an option may have.

static inline CURLcode aura_curl_set_number(CURL *easy, CURLoption option, long value) {
  return curl_easy_setopt(easy, option, value);
}
static inline CURLcode aura_curl_set_size(CURL *easy, CURLoption option, curl_off_t value) {
  return curl_easy_setopt(easy, option, value);
}
// The text is copied, but for CURLOPT_POSTFIELDS and CURLOPT_ERRORBUFFER.
static inline CURLcode aura_curl_set_text(CURL *easy, CURLoption option, const char *value) {
  return curl_easy_setopt(easy, option, value);
}
// The list is not copied: it lives as long as the transfer.
static inline CURLcode aura_curl_set_list(CURL *easy, CURLoption option, struct curl_slist *value) {
  return curl_easy_setopt(easy, option, value);
}
static inline CURLcode aura_curl_on_head(CURL *easy, curl_write_callback callback, void *context) {
  CURLcode code = curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, callback);
  return code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_HEADERDATA, context);
}
static inline CURLcode aura_curl_on_body(CURL *easy, curl_write_callback callback, void *context) {
  CURLcode code = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, callback);
  return code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_WRITEDATA, context);
}
static inline CURLcode aura_curl_on_read(CURL *easy, curl_read_callback callback, void *context) {
  CURLcode code = curl_easy_setopt(easy, CURLOPT_READFUNCTION, callback);
  return code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_READDATA, context);
}
static inline CURLcode aura_curl_on_socket(CURL *easy, curl_opensocket_callback callback, void *context) {
  CURLcode code = curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, callback);
  return code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, context);
}
static inline CURLcode aura_curl_on_close(CURL *easy, curl_closesocket_callback callback, void *context) {
  CURLcode code = curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, callback);
  return code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, context);
}
// The socket of the transfer's connection, while curl keeps it; -1 otherwise.
static inline curl_socket_t aura_curl_get_socket(CURL *easy) {
  curl_socket_t value = CURL_SOCKET_BAD;
  return curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &value) == CURLE_OK ? value : CURL_SOCKET_BAD;
}
static inline long aura_curl_get_number(CURL *easy, CURLINFO info) {
  long value = 0;
  return curl_easy_getinfo(easy, info, &value) == CURLE_OK ? value : 0;
}
static inline long long aura_curl_get_size(CURL *easy, CURLINFO info) {
  curl_off_t value = 0;
  return curl_easy_getinfo(easy, info, &value) == CURLE_OK ? value : 0;
}
static inline CURLMcode aura_curl_multi_set(CURLM *multi, CURLMoption option, long value) {
  return curl_multi_setopt(multi, option, value);
}

// The address that curl is about to connect to, all of it: the struct ends in the first bytes of a longer one.
static inline const unsigned char *aura_curl_address(const struct curl_sockaddr *address) {
  return (const unsigned char *)&address->addr;
}
// A socket that a child process does not inherit. The flag is an enumerator of glibc, which Swift sees in some builds only.
static inline curl_socket_t aura_curl_socket(const struct curl_sockaddr *address) {
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}
static inline int aura_curl_start(void) { return curl_global_init(CURL_GLOBAL_SSL) == CURLE_OK; }
