/*
 * unit_hub.c
 *		Does the hub know who is in a session?
 */
#include "unit.h"

#include <string.h>

#include "hub.h"

static const struct hash_key key = {1, 2};

static void
on_wake(void *owner)
{
	(*(unsigned *) owner)++;
}

/* All who are in the session, as one text. */
static const char *
participants(const struct hub_session *session)
{
	static char		   text[64];
	struct hub_member *member = NULL;
	size_t			   used = 0;

	while ((member = hub_session_next_member(session, member)) != NULL)
		text[used++] = *member->participant;
	text[used] = '\0';
	return text;
}

static void
test_participants(void)
{
	unsigned			wakes = 0;
	struct hub			hub;
	struct hub_session *session;
	struct hub_member	members[] = {{.participant = "a"}, {.participant = "b"}, {.participant = "c"}};

	hub_init(&hub, &key, on_wake, &wakes);
	session = hub_session_hold(&hub, SLICE("s"));
	CHECK(strcmp(participants(session), "") == 0);
	hub_enter(&hub, &members[0], SLICE("realtime:session:s"), false, session);
	hub_enter(&hub, &members[1], SLICE("realtime:p2p-session-s"), false, session);
	hub_enter(&hub, &members[2], SLICE("realtime:session:s"), false, session);
	CHECK(strcmp(participants(session), "bca") == 0);
	hub_leave(&hub, &members[1]);
	CHECK(strcmp(participants(session), "ca") == 0);

	/* A room that has something to tell may be gone before that is told. */
	hub_track(&hub, &members[0], SLICE("a"), SLICE("{}"), NULL);
	hub_track(&hub, &members[2], SLICE("c"), SLICE("{}"), NULL);
	CHECK(wakes == 1);
	hub_leave(&hub, &members[0]);
	hub_leave(&hub, &members[2]);
	CHECK(strcmp(participants(session), "") == 0);
	hub_flush(&hub);
	hub_session_drop(&hub, session);
	hub_free(&hub);
}

void
test_hub(void)
{
	test_participants();
}
