/*
 * lease.c
 *		Tells the database who is in a session here, so that who vanishes leaves.
 *
 * A session is known here from the first time that somebody came into it until
 * the database knows that nobody is in it any more.  Those to be told wait in one
 * list; a few are under way at a time.
 */
#include "lease.h"

#include <stdio.h>
#include <stdlib.h>

#include "buffer.h"
#include "log.h"
#include "memory.h"

#define NODE_BYTES		16
#define UNDER_WAY_MAX	32
#define RENEW_FIRST_MS	1000
#define RENEW_LOWEST_MS 100
#define ARRIVALS_MAX	65536 /* bytes that wait for a database which is away */

struct lease_session
{
	struct hash_entry	  entry;	 /* in the lease, by id */
	struct lease		 *lease;	 /* whose */
	struct lease_session *next;		 /* in the list of those to be told */
	char				 *id;		 /* which session */
	bool				  waiting;	 /* is in that list */
	bool				  changed;	 /* since it was told, or nobody knows what was */
	bool				  under_way; /* is being told */
	bool				  occupied;	 /* somebody was in it when it was told */
	struct buffer		  arrivals;	 /* who came since it was told, as items of an array */
	size_t				  telling;	 /* bytes of these in the call under way */
	bool				  departed;	 /* and one of them may be gone again */
};

struct lease
{
	struct hub			  *hub;						 /* knows who is where */
	struct pool			  *pool;					 /* asks the database */
	uv_loop_t			  *uv;						 /* whose time counts */
	char				   node[2 * NODE_BYTES + 1]; /* our name, for this life */
	struct hash_map		   sessions;				 /* struct lease_session */
	struct lease_session  *first;					 /* next one to be told */
	struct lease_session **last;					 /* where the next one goes */
	unsigned			   under_way;				 /* sessions that are being told */
	bool				   renewing;				 /* a renewal is under way */
	uint64_t			   renew_at;				 /* loop time of the next one */
	uint64_t			   interval;				 /* between two, milliseconds */
};

struct lease *
lease_new(struct hub *hub, struct pool *pool, uv_loop_t *uv, const struct hash_key *secret)
{
	struct lease *lease = memory_new(sizeof(*lease));
	unsigned char random[NODE_BYTES] = {0};

	if (uv_random(NULL, NULL, random, sizeof(random), 0, NULL) != 0)
		log_error("lease", "event=no_random_name");
	for (size_t i = 0; i < NODE_BYTES; i++)
		snprintf(lease->node + 2 * i, 3, "%02x", random[i]);
	lease->hub = hub;
	lease->pool = pool;
	lease->uv = uv;
	lease->interval = RENEW_FIRST_MS;
	lease->last = &lease->first;
	hash_map_init(&lease->sessions, secret);
	log_info("lease", "event=started node=%s", lease->node);
	return lease;
}

static void
forget(struct lease_session *session)
{
	hash_map_remove(&session->lease->sessions, &session->entry);
	buffer_free(&session->arrivals);
	free(session->id);
	free(session);
}

/* The pool was stopped before, so nobody is told any more. */
void
lease_free(struct lease *lease)
{
	struct hash_entry *entry;

	if (lease == NULL)
		return;
	while ((entry = hash_map_next(&lease->sessions, NULL)) != NULL)
		forget(hash_holder(entry, struct lease_session, entry));
	hash_map_free(&lease->sessions);
	free(lease);
}

/* It is to be told, now or when the call that is under way has come back. */
static void
mark(struct lease_session *session)
{
	struct lease *lease = session->lease;

	session->changed = true;
	if (session->waiting || session->under_way)
		return;
	session->waiting = true;
	session->next = NULL;
	*lease->last = session;
	lease->last = &session->next;
}

static void
mark_all(struct lease *lease)
{
	struct hash_entry *entry = NULL;

	while ((entry = hash_map_next(&lease->sessions, entry)) != NULL)
		mark(hash_holder(entry, struct lease_session, entry));
}

static struct lease_session *
take_first(struct lease *lease)
{
	struct lease_session *session = lease->first;

	lease->first = session->next;
	if (lease->first == NULL)
		lease->last = &lease->first;
	session->waiting = false;
	session->changed = false;
	return session;
}

/* What the function returned: did we have a lease all the time? */
static bool
had_lease(enum pool_verdict verdict, const PGresult *result)
{
	return verdict == POOL_ANSWERED && PQresultStatus(result) == PGRES_TUPLES_OK &&
		   PQntuples(result) == 1 && strcmp(PQgetvalue(result, 0, 0), "t") == 0;
}

/* An answer that is an error is ours to see: nobody waits for it. */
static void
log_error_result(const char *what, const PGresult *result)
{
	const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		log_warning("lease", "event=error call=%s code=%s message=%s", what,
					code != NULL ? code : "none", log_text(message != NULL ? message : ""));
}

/* One more item of an array as text. */
static void
append_item(struct buffer *items, const char *name)
{
	buffer_append_text(items, ",\"");
	for (const char *c = name; *c != '\0'; c++)
	{
		if (*c == '"' || *c == '\\')
			buffer_append_byte(items, '\\');
		buffer_append_byte(items, (unsigned char) *c);
	}
	buffer_append_byte(items, '"');
}

/* Who is in the session, and who came: an array as text. */
static void
append_participants(const struct lease_session *session, struct buffer *array)
{
	struct hub_session *place = hub_session_find(session->lease->hub, slice_text(session->id));
	struct hub_member  *member = NULL;

	buffer_append(array, buffer_slice(&session->arrivals));
	while (place != NULL && (member = hub_session_next_member(place, member)) != NULL)
	{
		if (member->participant != NULL)
			append_item(array, member->participant);
	}
	if (array->length == 0)
		buffer_append_byte(array, '{');
	array->data[0] = '{';
	buffer_append_text(array, "}");
	buffer_append_byte(array, '\0');
}

/* They are known now; who came meanwhile is not. */
static void
forget_arrivals(struct lease_session *session)
{
	struct buffer rest = {0};

	if (session->arrivals.length > session->telling)
		buffer_append(&rest, slice_of(session->arrivals.data + session->telling,
									  session->arrivals.length - session->telling));
	buffer_free(&session->arrivals);
	session->arrivals = rest;
	if (session->departed)
		session->changed = true;
	session->departed = session->arrivals.length > 0 && session->departed;
}

static void tell_some(struct lease *lease);

/*
 * An error is tried again with the next renewal: it may be about this session
 * alone, and shall not keep the others waiting.
 */
static void
on_told(void *owner, enum pool_verdict verdict, const PGresult *result)
{
	struct lease_session *session = owner;
	struct lease		 *lease = session->lease;
	const bool			  told = had_lease(verdict, result);

	session->under_way = false;
	lease->under_way--;
	if (verdict != POOL_ANSWERED)
		session->changed = true;
	else if (PQresultStatus(result) != PGRES_TUPLES_OK)
	{
		log_error_result("harthio_attach", result);
		session->changed = true;
		return;
	}
	else if (!told)
		mark_all(lease);
	if (verdict == POOL_ANSWERED)
		forget_arrivals(session);
	if (told && !session->changed && !session->occupied)
		forget(session);
	else if (verdict == POOL_ANSWERED && session->changed)
		mark(session);
	if (verdict == POOL_ANSWERED)
		tell_some(lease);
}

static void
tell(struct lease *lease)
{
	struct lease_session *session = take_first(lease);
	struct buffer		  array = {0};

	append_participants(session, &array);
	session->occupied = strcmp(array.data, "{}") != 0;
	session->telling = session->arrivals.length;
	session->under_way = pool_ask(lease->pool,
								  &(struct pool_statement){
									  .before = "SELECT ",
									  .after = ".harthio_attach($1, $2, $3::text[])",
									  .values = {lease->node, session->id, array.data},
									  .value_count = 3},
								  1, on_told, session) != NULL;
	if (session->under_way)
		lease->under_way++;
	else
		session->changed = true;
	buffer_free(&array);
}

static void
tell_some(struct lease *lease)
{
	while (lease->first != NULL && lease->under_way < UNDER_WAY_MAX)
		tell(lease);
}

/* What could not be told is tried again. */
static void
mark_changed(struct lease *lease)
{
	struct hash_entry *entry = NULL;

	while ((entry = hash_map_next(&lease->sessions, entry)) != NULL)
	{
		struct lease_session *session = hash_holder(entry, struct lease_session, entry);

		if (session->changed)
			mark(session);
	}
}

/* The second column is the grace in milliseconds. */
static void
on_renewed(void *owner, enum pool_verdict verdict, const PGresult *result)
{
	struct lease *lease = owner;

	lease->renewing = false;
	if (verdict != POOL_ANSWERED)
		return;
	log_error_result("harthio_renew_lease", result);
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		return;
	lease->interval = strtoull(PQgetvalue(result, 0, 1), NULL, 10) / 3;
	if (lease->interval < RENEW_LOWEST_MS)
		lease->interval = RENEW_LOWEST_MS;
	lease->renew_at = uv_now(lease->uv) + lease->interval;
	if (had_lease(verdict, result))
		mark_changed(lease);
	else
	{
		log_info("lease", "event=new sessions=%zu interval_ms=%llu", lease->sessions.count,
				 (unsigned long long) lease->interval);
		mark_all(lease);
	}
}

static void
renew(struct lease *lease)
{
	lease->renew_at = uv_now(lease->uv) + lease->interval;
	if (lease->renewing)
		return;
	lease->renewing = pool_ask(lease->pool,
							   &(struct pool_statement){
								   .before = "SELECT ",
								   .after = ".harthio_renew_lease($1), (1000 * extract(epoch FROM"
											" current_setting('harthio.leave_grace')::interval))::bigint",
								   .values = {lease->node},
								   .value_count = 1},
							   1, on_renewed, lease) != NULL;
}

void
lease_ready(struct lease *lease)
{
	renew(lease);
	mark_all(lease);
}

static struct lease_session *
session_of(struct lease *lease, const char *id)
{
	struct hash_entry	 *entry = hash_map_find(&lease->sessions, slice_text(id));
	struct lease_session *session;

	if (entry != NULL)
		return hash_holder(entry, struct lease_session, entry);
	session = memory_new(sizeof(*session));
	session->lease = lease;
	session->id = memory_copy(id, strlen(id));
	hash_map_add(&lease->sessions, &session->entry, slice_text(session->id));
	return session;
}

void
lease_enter(struct lease *lease, const char *session_id, const char *participant)
{
	struct lease_session *session = session_of(lease, session_id);

	if (participant != NULL && session->arrivals.length < ARRIVALS_MAX)
		append_item(&session->arrivals, participant);
	mark(session);
}

void
lease_leave(struct lease *lease, const char *session_id)
{
	struct lease_session *session = session_of(lease, session_id);

	session->departed = session->arrivals.length > 0;
	mark(session);
}

void
lease_tick(struct lease *lease)
{
	if (uv_now(lease->uv) >= lease->renew_at)
		renew(lease);
	tell_some(lease);
}
