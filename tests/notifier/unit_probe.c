/*
 * unit_probe.c
 *		Are the addresses of health checks, and their answers, understood?
 */
#include "probe_target.h"
#include "unit.h"

static bool
is(const char *url, enum probe_kind kind, const char *host, const char *port, const char *path)
{
	struct probe_target target;

	return probe_target_parse(url, &target) && target.kind == kind &&
		   strcmp(target.host, host) == 0 && strcmp(target.port, port) == 0 &&
		   strcmp(target.path, path) == 0;
}

static void
test_parse(void)
{
	static const char *const wrong[] = {
		"", "https://", "ftp://x", "tcp://x", "tcp://:80", "tcp://x:", "tcp://x:99999",
		"tcp://x:8a", "https://x:1:2", "stun:", "https://[::1", "https://x/a b",
		"https://x/a\r\nHost: y", "http://x:123456"};
	struct probe_target target;
	char				longest[600] = "https://x/";

	CHECK(is("https://a.example/h?x=1", PROBE_HTTPS, "a.example", "443", "/h?x=1"));
	CHECK(is("http://a:8080", PROBE_HTTP, "a", "8080", "/"));
	CHECK(is("https://[::1]:8443/x:y", PROBE_HTTPS, "::1", "8443", "/x:y"));
	CHECK(is("https://[::1]", PROBE_HTTPS, "::1", "443", "/"));
	CHECK(is("tcp://10.0.0.1:5349", PROBE_TCP, "10.0.0.1", "5349", "/"));
	CHECK(is("stun:stun.example", PROBE_STUN, "stun.example", "3478", "/"));
	CHECK(is("turn:t.example:1", PROBE_STUN, "t.example", "1", "/"));
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		CHECK(!probe_target_parse(wrong[i], &target));
	memset(longest + strlen(longest), 'x', sizeof(longest) - strlen(longest) - 1);
	CHECK(!probe_target_parse(longest, &target));
}

static void
test_http(void)
{
	struct probe_target target;
	struct buffer		request = {0};

	CHECK(probe_target_parse("http://[::1]/x", &target));
	probe_http_request(&target, &request);
	buffer_append_byte(&request, '\0');
	CHECK(strncmp(request.data, "GET /x HTTP/1.1\r\nHost: [::1]:80\r\n", 32) == 0);
	buffer_free(&request);
	CHECK(probe_http_good("HTTP/1.1 200"));
	CHECK(probe_http_good("HTTP/1.0 301"));
	CHECK(!probe_http_good("HTTP/1.1 404"));
	CHECK(!probe_http_good("HTTP/1.1 500"));
	CHECK(!probe_http_good("SSH-2.0-Open"));
	CHECK(!probe_http_good("\0\0\0\0\0\0\0\0\0\0\0\0"));
}

static void
test_stun(void)
{
	unsigned char request[PROBE_STUN_BYTES];
	unsigned char answer[PROBE_STUN_BYTES];
	struct slice  whole = {(const char *) answer, sizeof(answer)};

	probe_stun_request((const unsigned char *) "random bytes", request);
	CHECK(memcmp(request, "\0\1\0\0\x21\x12\xa4\x42random bytes", sizeof(request)) == 0);
	memcpy(answer, request, sizeof(answer));
	CHECK(!probe_stun_good(request, whole));
	answer[0] = 1;
	CHECK(probe_stun_good(request, whole));
	CHECK(!probe_stun_good(request, slice_of(whole.data, sizeof(answer) - 1)));
	CHECK(!probe_stun_good(request, slice_of(NULL, 0)));
	answer[19] ^= 1;
	CHECK(!probe_stun_good(request, whole));
}

void
test_probe(void)
{
	test_parse();
	test_http();
	test_stun();
}
