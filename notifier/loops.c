/*
 * loops.c
 *		All event loops of the process, and what it has once.
 *
 * A loop is opened, and closed for good, by the first one's thread, while no other
 * runs: libraries that have something global make it then.
 */
#include "loops.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "exit_codes.h"
#include "log.h"
#include "loop.h"
#include "memory.h"
#include "reload.h"

#define TICK_MS 250

/* An order or an answer; each loop gets its own. */
struct order
{
	struct letter letter;
	union
	{
		int					  socket;		 /* to be served */
		struct configuration *configuration; /* to be followed; held */
		uint64_t			  drain_seconds; /* over which to stop */
		struct
		{
			int			exit_code;
			const char *reason; /* a literal */
		} hopeless;
	};
};

static struct loop *
first(struct loops *loops)
{
	return loops->all[0];
}

static struct order *
new_order(void (*open)(struct letter *letter, void *reader))
{
	struct order *order = memory_new(sizeof(*order));

	order->letter.open = open;
	return order;
}

/* Only those that run will ever open a letter; what others get is freed unread. */
static void
post_to_others(struct loops *loops, void (*open)(struct letter *letter, void *reader))
{
	for (unsigned i = 1; i < loops->count; i++)
		loop_post(first(loops), i, &new_order(open)->letter);
}

/* ---- sockets */

static void
adopt(struct loop *loop, int socket)
{
	if (loop->ended)
		close(socket);
	else
		server_adopt(loop->server, socket);
	atomic_fetch_sub(&loop->sockets, 1);
}

static void
open_socket(struct letter *letter, void *reader)
{
	struct order *order = (struct order *) letter;

	if (reader != NULL)
		adopt(reader, order->socket);
	else
		close(order->socket);
	free(order);
}

/* The one with the fewest sockets; of several, the next one after the last. */
static unsigned
choose(struct loops *loops)
{
	unsigned best = (loops->last + 1) % loops->count;

	for (unsigned i = 0; i < loops->count; i++)
	{
		const unsigned next = (loops->last + 1 + i) % loops->count;

		if (atomic_load(&loops->all[next]->sockets) < atomic_load(&loops->all[best]->sockets))
			best = next;
	}
	loops->last = best;
	return best;
}

/* It counts for the loop from now on, so that a crowd is spread. */
static void
on_accepted(void *owner, int socket)
{
	struct loops  *loops = owner;
	const unsigned to = choose(loops);
	struct order  *order;

	atomic_fetch_add(&loops->all[to]->sockets, 1);
	if (to == 0)
	{
		adopt(first(loops), socket);
		return;
	}
	order = new_order(open_socket);
	order->socket = socket;
	loop_post(first(loops), to, &order->letter);
}

static void
on_accepted_internal(void *owner, int socket)
{
	server_adopt_internal(first(owner)->server, socket);
}

static bool
start_accepting(struct loops *loops)
{
	const struct options *options = &loops->started->options;
	uv_loop_t			 *uv = &first(loops)->uv;

	if (!acceptor_start(&loops->acceptor, uv, &options->listen, "clients"))
		return false;
	return (options->internal.port == NULL && options->internal.path == NULL) ||
		   acceptor_start(&loops->internal, uv, &options->internal, "internal");
}

/* ---- the end */

/* The first loop ends last. */
static void
end_first(struct loops *loops)
{
	if (first(loops)->ended)
		return;
	uv_close((uv_handle_t *) &loops->terminate, NULL);
	uv_close((uv_handle_t *) &loops->interrupt, NULL);
	uv_close((uv_handle_t *) &loops->hangup, NULL);
	uv_close((uv_handle_t *) &loops->tick, NULL);
	acceptor_stop(&loops->acceptor);
	acceptor_stop(&loops->internal);
	loop_end(first(loops));
}

static void
count_done(struct loops *loops)
{
	if (--loops->running == 0)
		end_first(loops);
}

static void
open_done(struct letter *letter, void *reader)
{
	struct loop *loop = reader;

	if (loop != NULL)
		count_done(loop->loops);
	free(letter);
}

void
loops_done(struct loop *loop)
{
	if (loop->index == 0)
	{
		count_done(loop->loops);
		return;
	}
	loop_end(loop);
	loop_post(loop, 0, &new_order(open_done)->letter);
}

static void
open_stop(struct letter *letter, void *reader)
{
	struct order *order = (struct order *) letter;

	if (reader != NULL)
		loop_stop(reader, order->drain_seconds);
	free(order);
}

static void
stop(struct loops *loops, const char *reason, int exit_code)
{
	const uint64_t seconds = reload_current(first(loops))->options.drain_seconds;

	if (loops->stopping)
		return;
	loops->stopping = true;
	loops->exit_code = exit_code;
	log_info("loop", "event=stopping reason=%s connections=%llu drain_seconds=%llu", log_text(reason),
			 (unsigned long long) atomic_load(&loops->totals.connections),
			 (unsigned long long) seconds);
	systemd_tell(&loops->systemd, "STOPPING=1");
	acceptor_stop(&loops->acceptor);
	for (unsigned i = 1; i < loops->count; i++)
	{
		struct order *order = new_order(open_stop);

		order->drain_seconds = seconds;
		loop_post(first(loops), i, &order->letter);
	}
	loop_stop(first(loops), seconds);
}

static void
open_end(struct letter *letter, void *reader)
{
	if (reader != NULL)
		loop_end(reader);
	free(letter);
}

static void
on_signal(uv_signal_t *handle, int signal_number)
{
	struct loops *loops = handle->data;

	if (!loops->stopping)
		stop(loops, signal_number == SIGTERM ? "SIGTERM" : "SIGINT", EXIT_CODE_OK);
	else
	{
		post_to_others(loops, open_end);
		end_first(loops);
	}
}

static void
open_hopeless(struct letter *letter, void *reader)
{
	struct order *order = (struct order *) letter;
	struct loop	 *loop = reader;

	if (loop != NULL)
		stop(loop->loops, order->hopeless.reason, order->hopeless.exit_code);
	free(order);
}

/* Several links may tell; the first one decides. */
void
loops_hopeless(struct loop *loop, int exit_code, const char *reason)
{
	struct order *order = new_order(open_hopeless);

	order->hopeless.exit_code = exit_code;
	order->hopeless.reason = reason;
	loop_post(loop, 0, &order->letter);
}

/* ---- SIGHUP */

static void begin_reload(struct loops *loops);

static void
end_reload(struct loops *loops, bool good)
{
	metrics_add(&first(loops)->metrics, good ? METRIC_RELOADS : METRIC_RELOADS_FAILED, 1);
	if (good)
		log_info("loop", "event=reloaded");
	if (loops->told_ready)
		systemd_tell(&loops->systemd, good ? "READY=1\nSTATUS=reloaded"
										   : "READY=1\nSTATUS=reload failed: see the log");
	if (!loops->reload_again)
		return;
	loops->reload_again = false;
	begin_reload(loops);
}

static void
open_followed(struct letter *letter, void *reader)
{
	struct loop *loop = reader;

	if (loop != NULL && --loop->loops->reloading == 0)
		end_reload(loop->loops, true);
	free(letter);
}

static void
open_configuration(struct letter *letter, void *reader)
{
	struct order *order = (struct order *) letter;
	struct loop	 *loop = reader;

	if (loop != NULL && !loop->ended)
	{
		reload_follow(loop, order->configuration);
		loop_post(loop, 0, &new_order(open_followed)->letter);
	}
	configuration_release(order->configuration);
	free(order);
}

static void
begin_reload(struct loops *loops)
{
	struct configuration *fresh;

	if (loops->told_ready)
		systemd_tell_reloading(&loops->systemd);
	fresh = reload_configuration(first(loops));
	loops->reloading = fresh != NULL ? loops->count - 1 : 0;
	for (unsigned i = 1; i < loops->count && fresh != NULL; i++)
	{
		struct order *order = new_order(open_configuration);

		configuration_retain(fresh);
		order->configuration = fresh;
		loop_post(first(loops), i, &order->letter);
	}
	if (loops->reloading == 0)
		end_reload(loops, fresh != NULL);
}

/* One at a time: "reloaded" means that all loops have done it. */
static void
on_hangup(uv_signal_t *handle, int signal_number)
{
	struct loops *loops = handle->data;

	(void) signal_number;
	if (loops->stopping)
		return;
	if (loops->reloading > 0)
		loops->reload_again = true;
	else
		begin_reload(loops);
}

/* ---- some times a second */

/* Ready for the first time: whoever waits for us to start may go on. */
static void
tell_ready(struct loops *loops)
{
	if (loops->told_ready || loops->stopping)
		return;
	for (unsigned i = 0; i < loops->count; i++)
	{
		if (!atomic_load(&loops->all[i]->live))
			return;
	}
	loops->told_ready = true;
	systemd_tell(&loops->systemd, "READY=1\nSTATUS=listening");
}

/* When did the loop tick that has not for the longest time? */
static uint64_t
oldest_tick(const struct loops *loops)
{
	uint64_t oldest = UINT64_MAX;

	for (unsigned i = 0; i < loops->count; i++)
	{
		const uint64_t at = atomic_load(&loops->all[i]->ticked_at);

		if (at < oldest)
			oldest = at;
	}
	return oldest;
}

/* For the service manager the process lives as long as all of its loops do. */
static void
on_tick(uv_timer_t *timer)
{
	struct loops  *loops = timer->data;
	const uint64_t now = uv_now(&first(loops)->uv);

	acceptor_tick(&loops->acceptor);
	acceptor_tick(&loops->internal);
	tell_ready(loops);
	if (oldest_tick(loops) + loops->systemd.watchdog_ms >= now || loops->stopping)
		systemd_tick(&loops->systemd, now);
}

/* ---- the beginning */

static void
watch_signal(struct loops *loops, uv_signal_t *handle, uv_signal_cb callback, int signal_number)
{
	uv_signal_init(&first(loops)->uv, handle);
	handle->data = loops;
	uv_signal_start(handle, callback, signal_number);
}

static void
start_handles(struct loops *loops)
{
	watch_signal(loops, &loops->terminate, on_signal, SIGTERM);
	watch_signal(loops, &loops->interrupt, on_signal, SIGINT);
	watch_signal(loops, &loops->hangup, on_hangup, SIGHUP);
	uv_timer_init(&first(loops)->uv, &loops->tick);
	loops->tick.data = loops;
	loops->acceptor = (struct acceptor){.socket = -1, .accepted = on_accepted, .owner = loops};
	loops->internal = (struct acceptor){
		.socket = -1, .accepted = on_accepted_internal, .owner = loops};
}

/* Those that have a uv loop are in "all", and are closed whatever comes of them. */
static int
open_loops(struct loops *loops)
{
	const unsigned count = loops->count;

	for (unsigned i = 0; i < count; i++)
	{
		struct loop *loop = memory_new(sizeof(*loop));

		if (uv_loop_init(&loop->uv) != 0)
		{
			free(loop);
			loops->count = i;
			return EXIT_CODE_INTERNAL;
		}
		loops->all[i] = loop;
		if (i == 0)
			start_handles(loops);
		if (loop_open(loop, loops, i) != EXIT_CODE_OK)
		{
			loops->count = i + 1;
			return EXIT_CODE_INTERNAL;
		}
	}
	return EXIT_CODE_OK;
}

/* Returns an exit code; zero means that all is up. */
static int
start(struct loops *loops)
{
	const int exit_code = open_loops(loops);

	if (exit_code != EXIT_CODE_OK)
		return exit_code;
	systemd_tell(&loops->systemd, "STATUS=waiting for the database");
	if (!start_accepting(loops))
		return EXIT_CODE_BIND;
	for (unsigned i = 0; i < loops->count; i++)
		loop_begin(loops->all[i]);
	uv_timer_start(&loops->tick, on_tick, TICK_MS, TICK_MS);
	return EXIT_CODE_OK;
}

static void
run_thread(void *loop)
{
	loop_run(loop);
}

static void
start_threads(struct loops *loops)
{
	loops->running = loops->count;
	for (; loops->started_count < loops->count; loops->started_count++)
	{
		const unsigned i = loops->started_count;

		if (uv_thread_create(&loops->threads[i], run_thread, loops->all[i]) != 0)
		{
			log_error("main", "event=no_thread loop=%u", i);
			loops->running = i;
			stop(loops, "no thread", EXIT_CODE_INTERNAL);
			return;
		}
	}
}

/* Run the first one, and those that have no thread only to their end. */
static void
run(struct loops *loops)
{
	for (unsigned i = loops->started_count; i < loops->count; i++)
	{
		loop_end(loops->all[i]);
		loop_run(loops->all[i]);
	}
	loop_run(first(loops));
	for (unsigned i = 1; i < loops->started_count; i++)
		uv_thread_join(&loops->threads[i]);
}

static void
free_all(struct loops *loops)
{
	/* What waits in one mailbox may hold what another loop has. */
	for (unsigned i = 0; i < loops->count; i++)
		loop_free(loops->all[i]);
	for (unsigned i = 0; i < loops->count; i++)
		free(loops->all[i]);
	registry_free(loops->registry);
	limiter_totals_free(&loops->totals);
	systemd_free(&loops->systemd);
	free(loops);
}

int
loops_run(const struct configuration *configuration, const struct option_flags *flags)
{
	struct loops *loops = memory_new(sizeof(*loops));
	int			  exit_code;

	loops->started = configuration;
	loops->flags = flags;
	loops->count = (unsigned) configuration->options.threads;
	if (!hash_key_init(&loops->hash_key))
	{
		free(loops);
		return EXIT_CODE_INTERNAL;
	}
	limiter_totals_init(&loops->totals, &loops->hash_key);
	if (loops->count > 1)
		loops->registry = registry_new(loops->count, &loops->hash_key);
	systemd_init(&loops->systemd);
	loops->exit_code = start(loops);
	loops->started_count = 1;
	if (loops->exit_code == EXIT_CODE_OK)
		start_threads(loops);
	else if (loops->count > 0)
		end_first(loops);
	if (loops->count > 0)
		run(loops);
	exit_code = loops->exit_code;
	free_all(loops);
	log_info("loop", "event=ended exit_code=%d", exit_code);
	return exit_code;
}
