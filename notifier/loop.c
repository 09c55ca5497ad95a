/*
 * loop.c
 *		One event loop, and all that lives in it.
 *
 * The end comes in two steps.  First no connection is accepted any more and all
 * are asked to go; when the last is gone, or patience is, everything is closed,
 * and the loop runs until the last handle is.
 */
#include "loop.h"

#include <signal.h>
#include <stdlib.h>

#include "connection.h"
#include "exit_codes.h"
#include "log.h"
#include "memory.h"

#define TICK_MS			 250
#define STOP_PATIENCE_MS 5000

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

/* Close everything.  Callbacks of connections still run while that happens. */
static void
end(struct loop *loop)
{
	if (loop->ended)
		return;
	loop->ended = true;
	uv_close((uv_handle_t *) &loop->terminate, NULL);
	uv_close((uv_handle_t *) &loop->interrupt, NULL);
	uv_close((uv_handle_t *) &loop->tick, NULL);
	uv_close((uv_handle_t *) &loop->patience, NULL);
	uv_close((uv_handle_t *) &loop->flush, NULL);
	acceptor_stop(&loop->acceptor);
	if (loop->server != NULL)
		server_stop(loop->server);
	if (loop->database != NULL)
		database_stop(loop->database);
	if (loop->listener != NULL)
		listener_stop(loop->listener);
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

static void
stop(struct loop *loop, const char *reason, int exit_code)
{
	log_info("loop", "event=stopping reason=%s connections=%llu", log_text(reason),
			 (unsigned long long) loop->connection_count);
	loop->stopping = true;
	loop->exit_code = exit_code;
	acceptor_stop(&loop->acceptor);
	for (struct connection *connection = loop->connections; connection != NULL;
		 connection = connection->next)
		connection_close(connection, CLOSE_RESTART, "server is restarting");
	uv_timer_start(&loop->patience, on_patience,
				   loop->connection_count > 0 ? STOP_PATIENCE_MS : 0, 0);
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
on_mismatch(void *arg)
{
	struct loop *loop = arg;

	if (!loop->stopping)
		stop(loop, "extension of another version", EXIT_CODE_VERSION);
}

static void
on_tick(uv_timer_t *timer)
{
	struct loop *loop = timer->data;

	acceptor_tick(&loop->acceptor);
	database_tick(loop->database);
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
watch_signal(struct loop *loop, uv_signal_t *handle, int signal_number)
{
	uv_signal_init(&loop->uv, handle);
	handle->data = loop;
	uv_signal_start(handle, on_signal, signal_number);
}

static void
start_timers(struct loop *loop)
{
	uv_timer_init(&loop->uv, &loop->tick);
	uv_timer_init(&loop->uv, &loop->patience);
	uv_timer_init(&loop->uv, &loop->flush);
	loop->tick.data = loop;
	loop->patience.data = loop;
	loop->flush.data = loop;
	uv_timer_start(&loop->tick, on_tick, TICK_MS, TICK_MS);
}

/* Returns an exit code; zero means that all is up. */
static int
start(struct loop *loop, const struct options *options)
{
	watch_signal(loop, &loop->terminate, SIGTERM);
	watch_signal(loop, &loop->interrupt, SIGINT);
	start_timers(loop);
	loop->acceptor.socket = -1;
	loop->acceptor.accepted = on_accepted;
	loop->acceptor.owner = loop;
	if (!hash_key_init(&loop->hash_key))
		return EXIT_CODE_INTERNAL;
	hub_init(&loop->hub, &loop->hash_key, on_hub_changed, loop);
	limiter_init(&loop->limiter, &options->limits, &loop->hash_key);
	loop->public_channels = options->public_channels;
	loop->auth = auth_new(options->jwt_secret);
	loop->server = server_new(loop);
	if (loop->auth == NULL || loop->server == NULL)
		return EXIT_CODE_INTERNAL;
	if (!acceptor_start(&loop->acceptor, &loop->uv, options->listen_host,
						options->listen_port))
		return EXIT_CODE_BIND;
	loop->listener = listener_new(&loop->uv, options->database, &loop->hub,
								  on_mismatch, loop);
	loop->database = database_new(&loop->uv, options->database, on_mismatch, loop);
	return EXIT_CODE_OK;
}

/* All handles are closed: nothing can call back any more. */
static void
free_all(struct loop *loop)
{
	server_free(loop->server);
	database_free(loop->database);
	listener_free(loop->listener);
	auth_free(loop->auth);
	hub_free(&loop->hub);
	limiter_free(&loop->limiter);
}

int
loop_run(const struct options *options)
{
	struct loop *loop = memory_new(sizeof(*loop));
	int			 exit_code;

	if (uv_loop_init(&loop->uv) != 0)
	{
		free(loop);
		return EXIT_CODE_INTERNAL;
	}
	loop->exit_code = start(loop, options);
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
