/*
 * loop.c
 *		One event loop, and all that lives in it.
 *
 * The end comes in two steps.  First no connection is accepted any more and all
 * are asked to go, some at a time; when the last is gone, or patience is, everything is closed,
 * and the loop runs until the last handle is.
 */
#include "loop.h"

#include <signal.h>
#include <stdlib.h>

#include "connection.h"
#include "exit_codes.h"
#include "log.h"
#include "memory.h"
#include "reload.h"

#define TICK_MS			 250
#define DRAIN_STEP_MS	 50
#define STOP_PATIENCE_MS 5000
#define GATHER_NS		 1000000

void
loop_add_connection(struct loop *loop, struct connection *connection)
{
	connection->id = ++loop->last_connection_id;
	connection->next = loop->connections;
	if (connection->next != NULL)
		connection->next->previous = connection;
	loop->connections = connection;
	loop->connection_count++;
}

/*
 * Read on where more input waits, but not for long: what is sent because of it
 * gathers meanwhile.  What is still unread then the next turn will find.
 */
static void
gather(struct loop *loop)
{
	const uint64_t	  deadline = uv_hrtime() + GATHER_NS;
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

/* Before the loop waits: what gathered for a connection leaves in one write. */
static void
on_sending(uv_prepare_t *prepare)
{
	struct loop		 *loop = prepare->data;
	struct list_link *link;

	if (loop->unread != NULL)
		gather(loop);
	loop->reading = NULL;
	while ((link = list_pop(&loop->unsent)) != NULL)
		connection_flush(list_holder(link, struct connection, unsent));
}

/* Close everything.  Callbacks of connections still run while that happens. */
static void
end(struct loop *loop)
{
	if (loop->ended)
		return;
	loop->ended = true;
	uv_close((uv_handle_t *) &loop->terminate, NULL);
	uv_close((uv_handle_t *) &loop->interrupt, NULL);
	uv_close((uv_handle_t *) &loop->hangup, NULL);
	uv_close((uv_handle_t *) &loop->tick, NULL);
	uv_close((uv_handle_t *) &loop->draining, NULL);
	uv_close((uv_handle_t *) &loop->patience, NULL);
	uv_close((uv_handle_t *) &loop->flush, NULL);
	uv_close((uv_handle_t *) &loop->sending, NULL);
	acceptor_stop(&loop->acceptor);
	acceptor_stop(&loop->internal);
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
	if (loop->upkeep != NULL)
		upkeep_stop(loop->upkeep);
}

static void
on_patience(uv_timer_t *timer)
{
	struct loop *loop = timer->data;

	if (loop->connection_count > 0)
		log_warning("loop", "event=cut connections=%llu",
					(unsigned long long) loop->connection_count);
	end(loop);
}

void
loop_remove_connection(struct loop *loop, struct connection *connection)
{
	if (connection->previous != NULL)
		connection->previous->next = connection->next;
	else
		loop->connections = connection->next;
	if (connection->next != NULL)
		connection->next->previous = connection->previous;
	loop->connection_count--;
	/* Not here and now: libwebsockets is in the middle of it. */
	if (loop->stopping && !loop->ended && loop->connection_count == 0)
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
static void
stop(struct loop *loop, const char *reason, int exit_code)
{
	const uint64_t seconds = reload_current(loop)->options.drain_seconds;
	const uint64_t steps = seconds * 1000 / DRAIN_STEP_MS + 1;

	log_info("loop", "event=stopping reason=%s connections=%llu drain_seconds=%llu",
			 log_text(reason), (unsigned long long) loop->connection_count,
			 (unsigned long long) seconds);
	systemd_tell(&loop->systemd, "STOPPING=1");
	loop->stopping = true;
	loop->exit_code = exit_code;
	loop->drain_each = loop->connection_count / steps + 1;
	acceptor_stop(&loop->acceptor);
	uv_timer_start(&loop->draining, on_draining, 0, DRAIN_STEP_MS);
}

static void
on_signal(uv_signal_t *handle, int signal_number)
{
	struct loop *loop = handle->data;

	if (loop->stopping)
		end(loop);
	else
		stop(loop, signal_number == SIGTERM ? "SIGTERM" : "SIGINT", EXIT_CODE_OK);
}

/* Both links may tell; the first one decides. */
static void
on_hopeless(void *arg, int exit_code, const char *reason)
{
	struct loop *loop = arg;

	if (!loop->stopping)
		stop(loop, reason, exit_code);
}

static void
on_hangup(uv_signal_t *handle, int signal_number)
{
	struct loop *loop = handle->data;
	bool		 good;

	(void) signal_number;
	if (loop->stopping)
		return;
	if (loop->told_ready)
		systemd_tell_reloading(&loop->systemd);
	good = reload_configuration(loop);
	metrics_add(&loop->metrics, good ? METRIC_RELOADS : METRIC_RELOADS_FAILED, 1);
	if (loop->told_ready)
		systemd_tell(&loop->systemd, good ? "READY=1\nSTATUS=reloaded"
										  : "READY=1\nSTATUS=reload failed: see the log");
}

/* Ready for the first time: whoever waits for us to start may go on. */
static void
tell_ready(struct loop *loop)
{
	if (loop->told_ready || loop->stopping || !listener_is_live(loop->listener))
		return;
	loop->told_ready = true;
	systemd_tell(&loop->systemd, "READY=1\nSTATUS=listening");
}

static void
on_tick(uv_timer_t *timer)
{
	struct loop *loop = timer->data;

	acceptor_tick(&loop->acceptor);
	acceptor_tick(&loop->internal);
	database_tick(loop->database);
	database_tick(loop->policies);
	listener_tick(loop->listener);
	if (loop->rpc != NULL)
		rpc_tick(loop->rpc);
	upkeep_tick(loop->upkeep);
	tell_ready(loop);
	systemd_tick(&loop->systemd, uv_now(&loop->uv));
	log_tick();
	for (struct connection *connection = loop->connections; connection != NULL;
		 connection = connection->next)
		connection_tick(connection);
}

static void
on_accepted(void *owner, int socket)
{
	struct loop *loop = owner;

	server_adopt(loop->server, socket);
}

static void
on_flush(uv_timer_t *timer)
{
	struct loop *loop = timer->data;

	hub_flush(&loop->hub);
}

/* What happens in the rest of this turn is told with it. */
static void
on_hub_changed(void *owner)
{
	struct loop *loop = owner;

	if (!loop->ended)
		uv_timer_start(&loop->flush, on_flush, 0, 0);
}

static void
on_accepted_internal(void *owner, int socket)
{
	struct loop *loop = owner;

	server_adopt_internal(loop->server, socket);
}

static void
watch_signal(struct loop *loop, uv_signal_t *handle, uv_signal_cb callback,
			 int signal_number)
{
	uv_signal_init(&loop->uv, handle);
	handle->data = loop;
	uv_signal_start(handle, callback, signal_number);
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
	watch_signal(loop, &loop->terminate, on_signal, SIGTERM);
	watch_signal(loop, &loop->interrupt, on_signal, SIGINT);
	watch_signal(loop, &loop->hangup, on_hangup, SIGHUP);
	start_timer(loop, &loop->tick);
	start_timer(loop, &loop->draining);
	start_timer(loop, &loop->patience);
	start_timer(loop, &loop->flush);
	uv_prepare_init(&loop->uv, &loop->sending);
	loop->sending.data = loop;
	uv_prepare_start(&loop->sending, on_sending);
	loop->acceptor = (struct acceptor){
		.socket = -1, .accepted = on_accepted, .owner = loop};
	loop->internal = (struct acceptor){
		.socket = -1, .accepted = on_accepted_internal, .owner = loop};
}

static bool
start_accepting(struct loop *loop)
{
	const struct options *options = &loop->started->options;

	if (!acceptor_start(&loop->acceptor, &loop->uv, &options->listen, "clients"))
		return false;
	return (options->internal.port == NULL && options->internal.path == NULL) ||
		   acceptor_start(&loop->internal, &loop->uv, &options->internal, "internal");
}

static void
start_links(struct loop *loop)
{
	loop->links = (struct link_setup){
		.uv = &loop->uv,
		.conninfo = loop->started->options.database,
		.allow_superuser = loop->started->options.allow_superuser,
		.answer_ms = loop->started->options.database_timeout_ms,
		.metrics = &loop->metrics,
		.hopeless = on_hopeless,
		.arg = loop,
	};
	loop->listener = listener_new(&loop->links, &loop->hub, &loop->limiter.limits);
	loop->database = database_new(&loop->links, "query");
	loop->policies = database_new(&loop->links, "policies");
	database_start(loop->database);
	if (loop->started->options.rpc)
		loop->rpc = rpc_new(&loop->links, &loop->started->options);
	loop->upkeep = upkeep_new(&loop->links, &loop->started->options, &loop->hub, &loop->hash_key);
}

/* Returns an exit code; zero means that all is up. */
static int
start(struct loop *loop)
{
	start_handles(loop);
	if (!hash_key_init(&loop->hash_key))
		return EXIT_CODE_INTERNAL;
	hub_init(&loop->hub, &loop->hash_key, on_hub_changed, loop);
	limiter_init(&loop->limiter, &loop->started->options.limits, &loop->hash_key);
	reload_take(loop, loop->started);
	systemd_init(&loop->systemd);
	systemd_tell(&loop->systemd, "STATUS=waiting for the database");
	loop->server = server_new(loop);
	if (loop->server == NULL)
		return EXIT_CODE_INTERNAL;
	if (!start_accepting(loop))
		return EXIT_CODE_BIND;
	start_links(loop);
	/* Not before: a tick finds all that it looks at. */
	uv_timer_start(&loop->tick, on_tick, TICK_MS, TICK_MS);
	return EXIT_CODE_OK;
}

/* All handles are closed: nothing can call back any more. */
static void
free_all(struct loop *loop)
{
	server_free(loop->server);
	database_free(loop->database);
	database_free(loop->policies);
	listener_free(loop->listener);
	rpc_free(loop->rpc);
	upkeep_free(loop->upkeep);
	hub_free(&loop->hub);
	limiter_free(&loop->limiter);
	systemd_free(&loop->systemd);
	reload_free(loop);
}

int
loop_run(const struct configuration *configuration, const struct option_flags *flags)
{
	struct loop *loop = memory_new(sizeof(*loop));
	int			 exit_code;

	loop->started = configuration;
	loop->flags = flags;

	if (uv_loop_init(&loop->uv) != 0)
	{
		free(loop);
		return EXIT_CODE_INTERNAL;
	}
	loop->exit_code = start(loop);
	if (loop->exit_code != EXIT_CODE_OK)
		end(loop);
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	free_all(loop);
	exit_code = loop->exit_code;
	if (uv_loop_close(&loop->uv) != 0)
		log_error("loop", "event=handles_left");
	free(loop);
	log_info("loop", "event=ended exit_code=%d", exit_code);
	return exit_code;
}
