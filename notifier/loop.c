/*
 * loop.c
 *		One event loop, and all that lives in it.
 *
 * The end comes in two steps.  First all connections are asked to go, some at a
 * time; when the last is gone, or patience is, everything is closed, and the loop
 * runs until the last handle is.
 */
#include "loop.h"

#include "channel.h"
#include "connection.h"
#include "exit_codes.h"
#include "health.h"
#include "log.h"
#include "loops.h"
#include "reload.h"

#define TICK_MS			 250
#define DRAIN_STEP_MS	 50
#define STOP_PATIENCE_MS 5000
#define REST_MS			 25
#define REST_STEP_MS	 5
#define REST_STEPS		 5 /* the longest rest is so many longer */
#define GATHER_NS		 1000000
#define GATHER_MOST_NS	 16000000

void
loop_add_connection(struct loop *loop, struct connection *connection)
{
	connection->id = loop->last_connection_id += loop->loops->count;
	connection->next = loop->connections;
	if (connection->next != NULL)
		connection->next->previous = connection;
	loop->connections = connection;
	loop->connection_count++;
}

/*
 * Read on where more input waits: what is sent because of it gathers meanwhile.
 * That may take as long as the last turn took to write, which is how long input
 * waits anyway, and longest where each write has little in it.  What is still
 * unread then the next turn will find.
 */
static void
gather(struct loop *loop)
{
	const uint64_t	  patience = loop->writing_ns < GATHER_MOST_NS ? loop->writing_ns : GATHER_MOST_NS;
	const uint64_t	  deadline = uv_hrtime() + (patience > GATHER_NS ? patience : GATHER_NS);
	struct list_link *round = NULL;
	struct list_link *link;

	while (loop->unread != NULL)
	{
		list_move(&round, &loop->unread);
		while ((link = list_pop(&round)) != NULL)
		{
			loop->reading = NULL;
			if (uv_hrtime() < deadline)
				server_read(loop->server, list_holder(link, struct connection, unread));
		}
	}
}

static void
write_all(struct loop *loop)
{
	const uint64_t	  began = uv_hrtime();
	struct list_link *link;

	while ((link = list_pop(&loop->unsent)) != NULL)
		connection_flush(list_holder(link, struct connection, unsent));
	loop->writing_ns = uv_hrtime() - began;
}

static void
remind(struct loop *loop)
{
	for (; loop->unreminded != 0; loop->unreminded &= loop->unreminded - 1)
		mailbox_remind(&loop->loops->all[__builtin_ctzll(loop->unreminded)]->parcels);
}

static void
on_remind(uv_timer_t *timer)
{
	remind(timer->data);
}

static void
post_letters(struct loop *loop)
{
	for (unsigned to = 0; to < loop->loops->count; to++)
	{
		mailbox_post(&loop->loops->all[to]->mailbox, &loop->outgoing[to]);
		if (loop->urgent & (uint64_t) 1 << to)
			mailbox_post(&loop->loops->all[to]->parcels, &loop->leaving[to]);
		else if (mailbox_leave(&loop->loops->all[to]->parcels, &loop->leaving[to]))
			loop->unreminded |= (uint64_t) 1 << to;
	}
	loop->urgent = 0;
	if (loop->unreminded == 0)
		return;
	if (loop->ended)
		remind(loop);
	else if (!uv_is_active((uv_handle_t *) &loop->remind))
		uv_timer_start(&loop->remind, on_remind, MAILBOX_PATIENCE_MS, 0);
}

/* Once it has ended there is no next turn. */
static void
gather_letter(struct loop *loop, struct letters *letters, struct letter *letter)
{
	metrics_add(&loop->metrics, METRIC_LETTERS, 1);
	letters_add(letters, letter);
	if (loop->ended)
		post_letters(loop);
}

void
loop_post(struct loop *loop, unsigned to, struct letter *letter)
{
	gather_letter(loop, &loop->outgoing[to], letter);
}

static void
post_for_hub(void *owner, unsigned to, struct letter *letter, bool urgent)
{
	struct loop *loop = owner;

	if (urgent)
		loop->urgent |= (uint64_t) 1 << to;
	gather_letter(loop, &loop->leaving[to], letter);
}

void
loop_before_input(struct loop *loop)
{
	if (loop->looked || loop->border.registry == NULL)
		return;
	loop->looked = true;
	mailbox_look(&loop->parcels);
}

static void
flush_hub(struct loop *loop)
{
	uv_timer_stop(&loop->flush);
	hub_flush(&loop->hub);
}

static void
on_flush(uv_timer_t *timer)
{
	flush_hub(timer->data);
}

/*
 * What happens in the rest of this turn is told with it, before anything that is
 * an answer leaves; what happens while that is sent, in the next one.
 */
static void
on_hub_changed(void *owner)
{
	struct loop *loop = owner;

	if (!loop->ended)
		uv_timer_start(&loop->flush, on_flush, 0, 0);
}

/*
 * Before the loop waits: what gathered for another loop leaves together, and what
 * gathered for a connection in one write.
 */
static void
on_sending(uv_prepare_t *prepare)
{
	struct loop *loop = prepare->data;

	if (loop->unread != NULL)
		gather(loop);
	loop->reading = NULL;
	loop->looked = false;
	if (uv_is_active((uv_handle_t *) &loop->flush))
		flush_hub(loop);
	post_letters(loop);
	write_all(loop);
}

/* Close everything.  Callbacks of connections still run while that happens. */
void
loop_end(struct loop *loop)
{
	if (loop->ended)
		return;
	loop->ended = true;
	post_letters(loop);
	uv_close((uv_handle_t *) &loop->tick, NULL);
	uv_close((uv_handle_t *) &loop->draining, NULL);
	uv_close((uv_handle_t *) &loop->patience, NULL);
	uv_close((uv_handle_t *) &loop->flush, NULL);
	uv_close((uv_handle_t *) &loop->rest, NULL);
	uv_close((uv_handle_t *) &loop->remind, NULL);
	uv_close((uv_handle_t *) &loop->sending, NULL);
	if (loop->server != NULL)
		server_stop(loop->server);
	if (loop->database != NULL)
		database_stop(loop->database);
	if (loop->policies != NULL)
		database_stop(loop->policies);
	if (loop->listener != NULL)
		listener_stop(loop->listener);
	if (loop->rpc != NULL)
		rpc_stop(loop->rpc);
	if (loop->operations != NULL)
		operator_stop(loop->operations);
	if (loop->upkeep != NULL)
		upkeep_stop(loop->upkeep);
}

static void
on_patience(uv_timer_t *timer)
{
	struct loop *loop = timer->data;

	if (loop->done)
		return;
	loop->done = true;
	if (loop->connection_count > 0)
		log_warning("loop", "event=cut connections=%llu",
					(unsigned long long) loop->connection_count);
	loops_done(loop);
}

void
loop_remove_connection(struct loop *loop, struct connection *connection)
{
	if (loop->next_ticked == connection)
		loop->next_ticked = connection->next;
	if (connection->previous != NULL)
		connection->previous->next = connection->next;
	else
		loop->connections = connection->next;
	if (connection->next != NULL)
		connection->next->previous = connection->previous;
	loop->connection_count--;
	/* Not here and now: libwebsockets is in the middle of it. */
	if (loop->stopping && !loop->done && !loop->ended && loop->connection_count == 0)
		uv_timer_start(&loop->patience, on_patience, 0, 0);
}

/* Close some of those that are open; true: there were more. */
static bool
close_some(struct loop *loop, uint64_t count)
{
	for (struct connection *connection = loop->connections; connection != NULL;
		 connection = connection->next)
	{
		if (connection->state != CONNECTION_OPEN)
			continue;
		if (count-- == 0)
			return true;
		connection_close(connection, CLOSE_RESTART, "server is restarting");
	}
	return false;
}

static void
on_draining(uv_timer_t *timer)
{
	struct loop *loop = timer->data;

	if (close_some(loop, loop->drain_each))
		return;
	uv_timer_stop(timer);
	uv_timer_start(&loop->patience, on_patience,
				   loop->connection_count > 0 ? STOP_PATIENCE_MS : 0, 0);
}

/* Clients that are sent away all at once come back all at once. */
void
loop_stop(struct loop *loop, uint64_t drain_seconds)
{
	const uint64_t steps = drain_seconds * 1000 / DRAIN_STEP_MS + 1;

	if (loop->stopping || loop->ended)
		return;
	log_debug("loop", "event=draining loop=%u connections=%llu", loop->index,
			  (unsigned long long) loop->connection_count);
	loop->stopping = true;
	loop->drain_each = loop->connection_count / steps + 1;
	uv_timer_start(&loop->draining, on_draining, 0, DRAIN_STEP_MS);
}

static void
on_hopeless(void *arg, int exit_code, const char *reason)
{
	loops_hopeless(arg, exit_code, reason);
}

/* What other loops look at. */
static void
show(struct loop *loop)
{
	health_measure(loop);
	atomic_store(&loop->problem, health_problem(loop));
	atomic_store(&loop->live, listener_is_live(loop->listener));
	atomic_store(&loop->ticked_at, uv_now(&loop->uv));
}

/* Each tick asks some of them, so that each is asked once a second. */
static void
tick_connections(struct loop *loop)
{
	uint64_t		   left = loop->connection_count * TICK_MS / 1000 + 1;
	struct connection *connection = loop->next_ticked;

	if (connection == NULL)
		connection = loop->connections;
	for (; connection != NULL && left > 0; left--)
	{
		connection_tick(connection);
		connection = connection->next;
	}
	loop->next_ticked = connection;
}

static void
on_tick(uv_timer_t *timer)
{
	struct loop *loop = timer->data;

	database_tick(loop->database);
	database_tick(loop->policies);
	listener_tick(loop->listener);
	if (loop->rpc != NULL)
		rpc_tick(loop->rpc);
	if (loop->operations != NULL)
		operator_tick(loop->operations);
	upkeep_tick(loop->upkeep);
	log_tick();
	tick_connections(loop);
	show(loop);
}

static void
on_rested(uv_timer_t *timer)
{
	struct loop		 *loop = timer->data;
	struct list_link *next;

	for (struct list_link *link = loop->resting; link != NULL; link = next)
	{
		struct connection *connection = list_holder(link, struct connection, resting);

		next = link->next;
		if (connection->rests_until > uv_now(&loop->uv))
			continue;
		list_remove(link);
		connection_wake(connection);
	}
	if (loop->resting == NULL)
		uv_timer_stop(timer);
}

/*
 * Not for long, and those who come to rest together do not wake together: all at
 * once they would have much to say.
 */
void
loop_rest(struct loop *loop, struct connection *connection)
{
	const uint64_t longer = loop->rests++ % REST_STEPS;

	list_add(&loop->resting, &connection->resting);
	connection->rests_until = uv_now(&loop->uv) + REST_MS + longer * REST_STEP_MS;
	if (!loop->ended && !uv_is_active((uv_handle_t *) &loop->rest))
		uv_timer_start(&loop->rest, on_rested, REST_STEP_MS, REST_STEP_MS);
}

static void
start_timer(struct loop *loop, uv_timer_t *timer)
{
	uv_timer_init(&loop->uv, timer);
	timer->data = loop;
}

static void
start_handles(struct loop *loop)
{
	start_timer(loop, &loop->tick);
	start_timer(loop, &loop->draining);
	start_timer(loop, &loop->patience);
	start_timer(loop, &loop->flush);
	start_timer(loop, &loop->rest);
	start_timer(loop, &loop->remind);
	uv_prepare_init(&loop->uv, &loop->sending);
	loop->sending.data = loop;
	uv_prepare_start(&loop->sending, on_sending);
	mailbox_init(&loop->mailbox, &loop->uv, loop);
	mailbox_init(&loop->parcels, &loop->uv, loop);
}

/* What the operator gives to all loops together; each has at least one. */
static uint64_t
share_of(const struct loop *loop, uint64_t all)
{
	const unsigned loops = loop->loops->count;
	const uint64_t share = all / loops + (loop->index < all % loops);

	return share > 0 ? share : 1;
}

static void
start_links(struct loop *loop)
{
	const struct options *options = &loop->started->options;

	loop->links = (struct link_setup){
		.uv = &loop->uv,
		.conninfo = options->database,
		.allow_superuser = options->allow_superuser,
		.answer_ms = options->database_timeout_ms,
		.metrics = &loop->metrics,
		.hopeless = on_hopeless,
		.arg = loop,
	};
	loop->listener = listener_new(&loop->links, &loop->hub, &loop->limiter.limits);
	loop->database = database_new(&loop->links, "query");
	loop->policies = database_new(&loop->links, "policies");
	database_start(loop->database);
	if (options->rpc)
		loop->rpc = rpc_new(&loop->links, options, (unsigned) share_of(loop, options->rpc_connections),
							share_of(loop, options->rpc_queue));
	/* The internal port is the first loop's. */
	if (options->operator_role != NULL && loop->index == 0)
		loop->operations = operator_new(&loop->links, options);
	loop->upkeep = upkeep_new(&loop->links, options,
							  loop->index == 0 ? 1000 * options->probe_interval : 0,
							  &loop->hub, &loop->hash_key);
}

/* One loop alone has no border, and nothing of it costs anything. */
static void
start_hub(struct loop *loop)
{
	hub_init(&loop->hub, &loop->hash_key, on_hub_changed, loop);
	loop->hub.present = channel_present;
	loop->hub.presence_refs.instance += loop->index;
	if (loop->loops->registry == NULL)
		return;
	loop->border = (struct hub_border){
		.registry = loop->loops->registry,
		.loop = loop->index,
		.post = post_for_hub,
		.owner = loop,
	};
	loop->hub.border = &loop->border;
}

int
loop_open(struct loop *loop, struct loops *loops, unsigned index)
{
	loop->loops = loops;
	loop->index = index;
	loop->started = loops->started;
	loop->hash_key = loops->hash_key;
	/* So that no two loops give the same one; the first of all is 1. */
	loop->last_connection_id = (uint64_t) index + 1 - loops->count;
	atomic_init(&loop->problem, "starting");
	start_handles(loop);
	identities_init(&loop->identities, &loop->hash_key);
	hash_map_init(&loop->apikeys, &loop->hash_key);
	start_hub(loop);
	limiter_init(&loop->limiter, &loop->started->options.limits, &loops->totals);
	reload_take(loop, loop->started);
	loop->server = server_new(loop);
	return loop->server != NULL ? EXIT_CODE_OK : EXIT_CODE_INTERNAL;
}

void
loop_begin(struct loop *loop)
{
	start_links(loop);
	/* Not before: a tick finds all that it looks at. */
	uv_timer_start(&loop->tick, on_tick, TICK_MS, TICK_MS);
}

/* When all handles are closed nothing can call back any more. */
void
loop_run(struct loop *loop)
{
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	server_free(loop->server);
	database_free(loop->database);
	database_free(loop->policies);
	listener_free(loop->listener);
	rpc_free(loop->rpc);
	operator_free(loop->operations);
	upkeep_free(loop->upkeep);
	hub_free(&loop->hub);
	identities_forget(&loop->identities);
	hash_map_free(&loop->apikeys);
	reload_free(loop);
}

void
loop_free(struct loop *loop)
{
	mailbox_close(&loop->mailbox);
	mailbox_close(&loop->parcels);
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	if (uv_loop_close(&loop->uv) != 0)
		log_error("loop", "event=handles_left");
	mailbox_free(&loop->mailbox);
	mailbox_free(&loop->parcels);
}
