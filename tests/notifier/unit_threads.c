/*
 * unit_threads.c
 *		Do letters arrive, and do hubs of several loops agree?
 *
 * The hubs here have no loops: what one posts waits until the test opens it, in
 * whatever order it likes to.
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "hub_border.h"
#include "hub_room.h"
#include "loop.h"

#define WRITERS		 4
#define LETTERS_EACH 5000
#define HUBS		 3

static const struct hash_key key = {1, 2};

/* ---- mailboxes */

struct note
{
	struct letter letter;
	unsigned	  writer;
	unsigned	  number;
};

struct reader
{
	struct mailbox mailbox;
	unsigned	   expected[WRITERS]; /* number of the next one of each */
	unsigned	   wrong;			  /* that came out of order */
	unsigned	   read;			  /* in all */
	unsigned	   unread;			  /* freed without being read */
};

static struct reader reader;

static void
open_note(struct letter *letter, void *to)
{
	struct note *note = (struct note *) letter;

	if (to == NULL)
		reader.unread++;
	else
	{
		reader.wrong += note->number != reader.expected[note->writer];
		reader.expected[note->writer] = note->number + 1;
		reader.read++;
	}
	free(note);
}

static void
write_notes(void *argument)
{
	const unsigned writer = *(unsigned *) argument;

	for (unsigned i = 0; i < LETTERS_EACH;)
	{
		struct letters some = {0};

		for (unsigned end = i + 1 + i % 3; i < end && i < LETTERS_EACH; i++)
		{
			struct note *note = calloc(1, sizeof(*note));

			*note = (struct note){{.open = open_note}, writer, i};
			letters_add(&some, &note->letter);
		}
		mailbox_post(&reader.mailbox, &some);
	}
}

static struct letters
one_note(void)
{
	struct letters one = {0};
	struct note	  *note = calloc(1, sizeof(*note));

	*note = (struct note){{.open = open_note}, 0, reader.expected[0]};
	letters_add(&one, &note->letter);
	return one;
}

/* Open what the reader was woken for; how many letters? */
static unsigned
woken(uv_loop_t *uv)
{
	const unsigned before = reader.read;

	uv_run(uv, UV_RUN_NOWAIT);
	return reader.read - before;
}

/* One who sleeps is woken, one who is awake reminded, and one who has looked is left alone. */
static void
test_reminders(uv_loop_t *uv)
{
	struct mailbox *mailbox = &reader.mailbox;
	struct letters	one = one_note();

	uv_ref((uv_handle_t *) &mailbox->wake);
	atomic_store(&mailbox->looked_at, 0);
	CHECK(!mailbox_leave(mailbox, &one) && woken(uv) == 1);
	/* As if he looked all the time. */
	atomic_store(&mailbox->looked_at, UINT64_MAX / 2);
	one = one_note();
	CHECK(mailbox_leave(mailbox, &one) && woken(uv) == 0);
	mailbox_remind(mailbox);
	CHECK(woken(uv) == 1);
	atomic_store(&mailbox->looked_at, UINT64_MAX / 2);
	one = one_note();
	CHECK(mailbox_leave(mailbox, &one));
	mailbox_look(mailbox);
	mailbox_remind(mailbox);
	CHECK(woken(uv) == 0);
	atomic_store(&mailbox->looked_at, UINT64_MAX / 2);
	one = one_note();
	mailbox_post(mailbox, &one);
	CHECK(woken(uv) == 1);
	uv_unref((uv_handle_t *) &mailbox->wake);
}

static void
test_mailbox(void)
{
	uv_loop_t	   uv;
	uv_thread_t	   threads[WRITERS];
	unsigned	   numbers[WRITERS];
	struct note	  *last;
	struct letters one = {0};

	uv_loop_init(&uv);
	mailbox_init(&reader.mailbox, &uv, &reader);
	for (unsigned i = 0; i < WRITERS; i++)
	{
		numbers[i] = i;
		uv_thread_create(&threads[i], write_notes, &numbers[i]);
	}
	uv_ref((uv_handle_t *) &reader.mailbox.wake);
	while (reader.read < WRITERS * LETTERS_EACH)
		uv_run(&uv, UV_RUN_ONCE);
	uv_unref((uv_handle_t *) &reader.mailbox.wake);
	for (unsigned i = 0; i < WRITERS; i++)
		uv_thread_join(&threads[i]);
	CHECK(reader.wrong == 0);

	test_reminders(&uv);

	/* What comes too late is freed. */
	last = calloc(1, sizeof(*last));
	last->letter.open = open_note;
	letters_add(&one, &last->letter);
	mailbox_close(&reader.mailbox);
	uv_run(&uv, UV_RUN_DEFAULT);
	mailbox_post(&reader.mailbox, &one);
	mailbox_free(&reader.mailbox);
	CHECK(reader.unread == 1);
	CHECK(uv_loop_close(&uv) == 0);
}

/* ---- hubs */

static struct side
{
	struct hub		  hub;
	struct hub_border border;
	struct letters	  from[HUBS]; /* what waits to be opened here, by who wrote it */
	unsigned		  index;
	unsigned		  shown; /* members who were told that it is known who is present */
} sides[HUBS];

/* Nothing is sent to it. */
static struct loop		 nowhere;
static struct connection deaf = {.state = CONNECTION_CLOSING, .loop = &nowhere};

static void
ignore_wake(void *owner)
{
	(void) owner;
}

static void
on_present(struct hub_member *member)
{
	struct slice state;

	sides[member->room->hub->border->loop].shown++;
	CHECK(hub_hear_presence(member, &state));
}

static void
post(void *owner, unsigned to, struct letter *letter, bool urgent)
{
	const struct side *side = owner;

	(void) urgent;
	letters_add(&sides[to].from[side->index], letter);
}

/* Open what one has written to the other: the first letter, or all. */
static void
deliver(unsigned from, unsigned to, bool all)
{
	struct letters *letters = &sides[to].from[from];

	do
	{
		struct letter *letter = letters->first;

		if (letter == NULL)
			return;
		letters->first = letter->next;
		letter->open(letter, &sides[to]);
	} while (all);
}

/* Until nobody has anything to say any more. */
static void
settle(void)
{
	for (int round = 0; round < 4; round++)
	{
		for (unsigned i = 0; i < HUBS * HUBS; i++)
			deliver(i / HUBS, i % HUBS, true);
		for (unsigned i = 0; i < HUBS; i++)
			hub_flush(&sides[i].hub);
	}
}

static struct registry *
begin(void)
{
	struct registry *registry = registry_new(HUBS, &key);

	for (unsigned i = 0; i < HUBS; i++)
	{
		sides[i] = (struct side){.index = i};
		hub_init(&sides[i].hub, &key, ignore_wake, NULL);
		sides[i].hub.presence_refs.instance = i;
		sides[i].hub.present = on_present;
		sides[i].border = (struct hub_border){
			.registry = registry, .loop = i, .post = post, .owner = &sides[i]};
		sides[i].hub.border = &sides[i].border;
	}
	return registry;
}

/* Everyone has left. */
static void
finish(struct registry *registry)
{
	settle();
	CHECK(registry_count(registry) == 0);
	for (unsigned i = 0; i < HUBS; i++)
		hub_free(&sides[i].hub);
	registry_free(registry);
}

static void
enter(unsigned side, struct hub_member *member)
{
	*member = (struct hub_member){.connection = &deaf};
	hub_enter(&sides[side].hub, member, SLICE("realtime:room"), false, NULL);
}

static void
leave(unsigned side, struct hub_member *member)
{
	hub_leave(&sides[side].hub, member);
}

static void
track(unsigned side, struct hub_member *member, const char *name)
{
	hub_track(&sides[side].hub, member, slice_text(name), SLICE("{}"), NULL);
}

/* The keys of those who are present in the member's eyes, in no order, and how many. */
static bool
sees(const struct hub_member *member, const char *names)
{
	const struct slice state = presence_state(&member->room->presences);

	if (hub_presence_count(member) != strlen(names))
		return false;
	for (const char *name = names; *name != '\0'; name++)
	{
		const char quoted[] = {'"', *name, '"', ':', '{', '\0'};

		if (memmem(state.data, state.length, quoted, strlen(quoted)) == NULL)
			return false;
	}
	return true;
}

static void
test_presences(void)
{
	struct registry	 *registry = begin();
	struct hub_member a, b, c;
	struct slice	  state;

	enter(0, &a);
	CHECK(hub_hear_presence(&a, &state));
	track(0, &a, "a");
	hub_flush(&sides[0].hub);
	enter(1, &b);
	/* Not before the other loop has said who is there. */
	CHECK(!hub_hear_presence(&b, &state) && sides[1].shown == 0);
	track(1, &b, "b");
	deliver(1, 0, true);
	CHECK(sides[1].shown == 0);
	deliver(0, 1, true);
	CHECK(sides[1].shown == 1 && sees(&b, "ab"));
	settle();
	CHECK(sees(&a, "ab"));
	enter(2, &c);
	CHECK(!hub_hear_presence(&c, &state));
	/* One answers, the other goes. */
	deliver(2, 0, true);
	deliver(0, 2, true);
	CHECK(sides[2].shown == 0);
	leave(1, &b);
	deliver(1, 2, true);
	CHECK(sides[2].shown == 1 && sees(&c, "a"));
	settle();
	CHECK(sees(&a, "a") && sees(&c, "a"));
	leave(0, &a);
	settle();
	CHECK(sees(&c, ""));
	leave(2, &c);
	finish(registry);
}

/* What was written to an earlier stay is not for the next one. */
static void
test_stays(void)
{
	struct registry	 *registry = begin();
	struct hub_member a, b, c;

	/* Somebody is there all the time, or it would be another place. */
	enter(2, &c);
	enter(0, &a);
	enter(1, &b);
	settle();
	track(0, &a, "a");
	hub_flush(&sides[0].hub);
	/* The news is on its way; both leave, and one comes back. */
	leave(1, &b);
	leave(0, &a);
	enter(1, &b);
	settle();
	CHECK(sees(&b, ""));

	/* The same, while the other stays, and is no longer present. */
	enter(0, &a);
	settle();
	track(0, &a, "a");
	hub_flush(&sides[0].hub);
	leave(1, &b);
	hub_untrack(&sides[0].hub, &a, NULL);
	hub_flush(&sides[0].hub);
	enter(1, &b);
	settle();
	CHECK(sees(&b, "") && sees(&a, ""));
	leave(0, &a);
	leave(1, &b);
	leave(2, &c);
	finish(registry);
}

/* Whatever comes in whatever order: in the end all agree, and nothing leaks. */
static void
test_chaos(void)
{
	struct registry	 *registry = begin();
	struct hub_member members[HUBS * 2] = {0};
	unsigned		  random = 1;

	for (int step = 0; step < 20000; step++)
	{
		unsigned		   i, side;
		struct hub_member *member;
		char			   name[2] = "a";

		random = random * 1103515245 + 12345;
		i = random >> 16 & 0xff;
		member = &members[i % (HUBS * 2)];
		side = i % HUBS;
		name[0] = (char) ('a' + i % (HUBS * 2));
		switch (random >> 24 & 7)
		{
			case 0:
				if (member->room != NULL)
					leave(side, member);
				else
					enter(side, member);
				break;
			case 1:
			case 2:
				if (member->room != NULL)
					track(side, member, name);
				break;
			case 3:
				if (member->room != NULL)
					hub_untrack(&sides[side].hub, member, NULL);
				break;
			case 4:
				hub_flush(&sides[side].hub);
				break;
			default:
				deliver(i % HUBS, random >> 8 & 1 ? (i + 1) % HUBS : (i + 2) % HUBS, false);
		}
		if (step % 500 != 499)
			continue;
		settle();
		for (unsigned one = 0; one < HUBS * 2; one++)
		{
			char	 present[HUBS * 2 + 1] = "";
			unsigned count = 0;

			for (unsigned other = 0; other < HUBS * 2; other++)
			{
				if (members[other].room != NULL && members[other].presence != NULL)
					present[count++] = (char) ('a' + other);
			}
			CHECK(members[one].room == NULL || sees(&members[one], present));
		}
	}
	for (unsigned i = 0; i < HUBS * 2; i++)
	{
		if (members[i].room != NULL)
			leave(i % HUBS, &members[i]);
	}
	finish(registry);
}

void
test_threads(void)
{
	test_mailbox();
	test_presences();
	test_stays();
	test_chaos();
}
