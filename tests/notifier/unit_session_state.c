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
	const bool			 good = session_state_parse(slice_text(text), &state);

	session_state_free(&state);
	return !good;
}

static const char *
event_of(const char *text)
{
	struct session_state state;
	const char			*event = "none";

	if (session_state_parse(slice_text(text), &state))
		event = state.event;
	session_state_free(&state);
	return event;
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
	session_state_free(&a);
	session_state_free(&b);
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
	good = good && session_state_newer(&b, &a) && !session_state_newer(&a, &b) && !session_state_newer(&a, &a);
	session_state_free(&a);
	session_state_free(&b);
	return good;
}

static bool
same(const char *first, const char *second)
{
	struct session_state a;
	struct session_state b;
	bool				 good;

	good = session_state_parse(slice_text(first), &a);
	good = session_state_parse(slice_text(second), &b) && good;
	good = good && session_state_same(&a, &b);
	session_state_free(&a);
	session_state_free(&b);
	return good;
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

	CHECK(same(STATE("1", "1", "1", ",\"x\":1"), STATE("1", "1", "2", ",\"x\" : 1")));
	CHECK(!same(STATE("1", "1", "1", ",\"x\":1"), STATE("1", "1", "1", ",\"x\":2")));

	CHECK(refused("") && refused("{}") && refused("[]") && refused("null") && refused("{\"resync\":true}"));
	CHECK(refused(STATE("1.0", "1", "1", "")) && refused(STATE("\"1\"", "1", "1", "")));
	CHECK(refused(STATE("99999999999999999999", "1", "1", "")));
	CHECK(refused("{\"sessionId\":\"a b\",\"generation\":1,\"epoch\":1,\"version\":1}"));
}
