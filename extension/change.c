/*-------------------------------------------------------------------------
 *
 * change.c
 *	  What became of a session, small enough to wait in shared memory.
 *
 * The texts stand one after the other, each with its terminating zero and,
 * before it, whether there is one at all.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "change.h"

#include "harthio.h"

#define IS_NULL 'n'
#define IS_TEXT 't'

StaticAssertDecl(SESSION_ID_MAX + 2 <= CHANGE_TEXTS, "a session id always fits");

/* False, and nothing of use in the change any more, if there is no room. */
static bool
put(Change *change, size_t *used, const char *text)
{
	size_t size = text ? strlen(text) + 1 : 0;

	if (*used + 1 + size > CHANGE_TEXTS)
		return false;
	change->texts[(*used)++] = text ? IS_TEXT : IS_NULL;
	if (text != NULL)
		memcpy(change->texts + *used, text, size);
	*used += size;
	return true;
}

/* The text at *at, which then points behind it. */
static const char *
take(const char **at)
{
	const char *text = *at + 1;

	*at = text;
	if (text[-1] == IS_NULL)
		return NULL;
	*at += strlen(text) + 1;
	return text;
}

void
change_pack_session(Change *change, const char *session_id)
{
	size_t used = 0;

	change->epoch = 0;
	put(change, &used, session_id);
}

void
change_pack_epoch(Change *change, const Epoch *epoch)
{
	const Assignment *assignment = &epoch->assignment;
	size_t			  used = 0;

	change->epoch = assignment->epoch;
	change->assigned_at = assignment->assigned_at;
	if (!put(change, &used, assignment->session_id) || !put(change, &used, assignment->provider) ||
		!put(change, &used, assignment->room) || !put(change, &used, assignment->reason) ||
		!put(change, &used, assignment->claimed_by) || !put(change, &used, epoch->previous))
		change_pack_session(change, assignment->session_id);
}

const char *
change_session_id(const Change *change)
{
	return change->texts + 1;
}

bool
change_unpack_epoch(const Change *change, Epoch *epoch)
{
	const char *at = change->texts;

	if (change->epoch == 0)
		return false;

	MemSet(epoch, 0, sizeof(*epoch));
	epoch->assignment.epoch = change->epoch;
	epoch->assignment.assigned_at = change->assigned_at;
	epoch->assignment.session_id = take(&at);
	epoch->assignment.provider = take(&at);
	epoch->assignment.room = take(&at);
	epoch->assignment.reason = take(&at);
	epoch->assignment.claimed_by = take(&at);
	epoch->previous = take(&at);
	return true;
}
