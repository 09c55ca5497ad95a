/*
 * unit_session_state.c
 *		Are states read, named and put in order as they must be?
 */
#include "unit.h"

#include <string.h>

#include "session_state.h"

static bool
refused(const char *text)
{
	struct session_state state;

	return !session_state_parse(slice_text(text), &state);
}

static const char *
event_of(const char *text)
{
	struct session_state state;

	return session_state_parse(slice_text(text), &state) ? state.event : "none";
}

/* What the second state is called for those who know the first. */
static const char *
event_after(const char *first, const char *second)
{
	struct session_state a;
	struct session_state b;
	const char			*event = "none";

	if (session_state_parse(slice_text(first), &a) && session_state_parse(slice_text(second), &b))
		event = session_state_event(&b, &a);
	return event;
}

#define STATE(generation, epoch, version, more) \
	"{\"sessionId\":\"a\",\"generation\":" generation ",\"epoch\":" epoch ",\"version\":" version more "}"

#define P2P(rung) ",\"provider\":\"p2p\",\"rung\":" rung

/* Is the second state newer than the first, and not the other way round? */
static bool
ascends(const char *first, const char *second)
{
	struct session_state a;
	struct session_state b;
	bool				 good;

	good = session_state_parse(slice_text(first), &a);
	good = session_state_parse(slice_text(second), &b) && good;
	return good && session_state_newer(&b, &a) && !session_state_newer(&a, &b) && !session_state_newer(&a, &a);
}

static bool
same(const char *first, const char *second)
{
	struct session_state a;
	struct session_state b;
	bool				 good;

	good = session_state_parse(slice_text(first), &a);
	good = session_state_parse(slice_text(second), &b) && good;
	return good && session_state_same(&a, &b);
}

/* A state that is kept has a text of its own, and lets go of the one before. */
static void
test_kept(void)
{
	char				 text[] = STATE("1", "1", "1", ",\"provider\":\"p2p\"");
	struct session_state kept = {0};
	struct session_state state;

	CHECK(session_state_parse(slice_text(text), &state));
	session_state_keep(&kept, &state);
	CHECK(session_state_same(&state, &kept));
	CHECK(session_state_parse(SLICE(STATE("1", "2", "2", "")), &state));
	session_state_keep(&kept, &state);
	CHECK(session_state_parse(slice_text(text), &state));
	session_state_keep(&kept, &state);
	memset(text, 'x', sizeof(text));
	CHECK(slice_equal(kept.session_id, SLICE("a")) && slice_equal(kept.version_text, SLICE("1")));
	CHECK(slice_equal(kept.json, SLICE(STATE("1", "1", "1", ",\"provider\":\"p2p\""))));
	session_state_free(&kept);
	CHECK(kept.json.data == NULL);
}

void
test_session_state(void)
{
	CHECK(session_id_valid(SLICE("a")) && session_id_valid(SLICE("Az09_-")));
	CHECK(!session_id_valid(SLICE("")) && !session_id_valid(SLICE("a b")) && !session_id_valid(SLICE("a\0")));

	CHECK(strcmp(event_of(STATE("1", "1", "1", ",\"provider\":\"p2p\"")), "provider-selected") == 0);
	CHECK(strcmp(event_of(STATE("1", "1", "1", ",\"provider\":\"p2p\",\"failedProvider\":\"daily\"")), "coordinated-recovery") == 0);
	CHECK(strcmp(event_of(STATE("1", "1", "1", ",\"provider\":null,\"failedProvider\":\"daily\"")), "session-ended") == 0);

	CHECK(strcmp(event_after(STATE("1", "1", "1", P2P("720")), STATE("1", "1", "2", P2P("480"))), "quality-changed") == 0);
	CHECK(strcmp(event_after(STATE("1", "1", "1", P2P("0")), STATE("1", "1", "2", P2P("240"))), "quality-changed") == 0);
	CHECK(strcmp(event_after(STATE("1", "1", "1", P2P("720")), STATE("1", "2", "2", P2P("480"))), "provider-selected") == 0);
	CHECK(strcmp(event_after(STATE("1", "1", "1", P2P("720")), STATE("2", "1", "2", P2P("480"))), "provider-selected") == 0);
	CHECK(strcmp(event_after(STATE("1", "1", "1", P2P("720")), STATE("1", "1", "2", P2P("720"))), "provider-selected") == 0);
	CHECK(strcmp(event_after(STATE("1", "1", "1", P2P("720")), STATE("1", "2", "2", ",\"provider\":null")), "session-ended") == 0);

	CHECK(ascends(STATE("1", "1", "1", ""), STATE("1", "1", "2", "")));
	CHECK(ascends(STATE("1", "1", "9", ""), STATE("1", "2", "1", "")));
	CHECK(ascends(STATE("1", "9", "9", ""), STATE("2", "1", "1", "")));

	CHECK(same(STATE("1", "1", "1", ",\"x\":1"), STATE("1", "1", "12", ",\"x\":1")));
	CHECK(same("{\"version\":1,\"sessionId\":\"a\",\"generation\":1,\"epoch\":1}",
			   "{\"version\":234,\"sessionId\":\"a\",\"generation\":1,\"epoch\":1}"));
	CHECK(!same(STATE("1", "1", "1", ",\"x\":1"), STATE("1", "1", "1", ",\"x\":2")));

	CHECK(refused("") && refused("{}") && refused("[]") && refused("null") && refused("{\"resync\":true}"));
	CHECK(refused(STATE("1.0", "1", "1", "")) && refused(STATE("\"1\"", "1", "1", "")));
	CHECK(refused(STATE("99999999999999999999", "1", "1", "")));
	CHECK(refused("{\"sessionId\":\"a b\",\"generation\":1,\"epoch\":1,\"version\":1}"));
	CHECK(refused("{\"sessionId\":1,\"generation\":1,\"epoch\":1,\"version\":1}"));
	CHECK(refused("{\"generation\":1,\"epoch\":1,\"version\":1}") && refused(STATE("1", "1", "null", "")));
	CHECK(refused(STATE("1", "1", "1", "") "x") && refused(STATE("1", "1", "1", ",\"x\":[}")));
	CHECK(refused(STATE("-9223372036854775809", "1", "1", "")) && !refused(STATE("-9223372036854775808", "1", "1", "")));
	/* of two, the last one counts */
	CHECK(ascends(STATE("1", "1", "5", ",\"epoch\":2"), STATE("1", "3", "1", "")));
	CHECK(ascends(STATE("1", "3", "5", ",\"epoch\":2"), STATE("1", "3", "1", "")));
	test_kept();
}
