/*-------------------------------------------------------------------------
 *
 * quality_notes.c
 *	  What of quality_store.h takes effect only when a transaction commits.
 *
 * The commit callback runs after the commit is durable and must not fail, so
 * the notes are allocated when they are made.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "quality_notes.h"

#include "access/xact.h"
#include "nodes/pg_list.h"
#include "utils/memutils.h"

typedef struct Note
{
	SubTransactionId subid; /* who made it */
	QualityKey		 key;
	bool			 left; /* or else: its session's rung is told */
	Rung			 told;
} Note;

/*
 * In the order in which they were made.  They live in TopTransactionContext;
 * commit and abort only forget them.
 */
static List *notes = NIL;

static void
add(const Note *values)
{
	MemoryContext caller = MemoryContextSwitchTo(TopTransactionContext);
	Note		 *note = palloc(sizeof(Note));

	*note = *values;
	note->subid = GetCurrentSubTransactionId();
	notes = lappend(notes, note);
	MemoryContextSwitchTo(caller);
}

void
quality_note_told(const QualityKey *key, Rung rung)
{
	add(&(Note){.key = *key, .told = rung});
}

static bool
same_participant(const QualityKey *a, const QualityKey *b)
{
	return a->session == b->session && a->participant == b->participant;
}

bool
quality_note_left(const QualityKey *key)
{
	ListCell *cell;

	foreach (cell, notes)
	{
		const Note *note = lfirst(cell);

		if (note->left && same_participant(&note->key, key))
			return false;
	}
	add(&(Note){.key = *key, .left = true});
	return true;
}

static void
take_effect(void)
{
	ListCell *cell;

	foreach (cell, notes)
	{
		const Note *note = lfirst(cell);

		if (note->left)
			quality_store_remove(&note->key);
		else
			quality_store_told(&note->key, note->told);
	}
}

/*
 * Of a prepared transaction only leaving can be noted here, as it cannot tell
 * anybody anything (change_ring.c); it is taken for committed.
 */
static void
xact_callback(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PREPARE:
			take_effect();
			break;
		case XACT_EVENT_ABORT:
			break;
		default:
			return;
	}
	notes = NIL;
}

/*
 * Notes of a subtransaction are the last ones made when it ends, since those
 * of its own children have passed to it or are gone.
 */
static void
subxact_callback(SubXactEvent event, SubTransactionId mine,
				 SubTransactionId parent, void *arg)
{
	for (int i = list_length(notes) - 1; i >= 0; i--)
	{
		Note *note = list_nth(notes, i);

		if (note->subid != mine)
			break;
		if (event == SUBXACT_EVENT_COMMIT_SUB)
			note->subid = parent;
		else if (event == SUBXACT_EVENT_ABORT_SUB)
			notes = list_truncate(notes, i);
	}
}

void
quality_notes_watch_transactions(void)
{
	RegisterXactCallback(xact_callback, NULL);
	RegisterSubXactCallback(subxact_callback, NULL);
}
