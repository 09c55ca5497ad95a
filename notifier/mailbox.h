/*
 * mailbox.h
 *		Letters from one event loop to another: many write, one reads.
 *
 * A letter is its writer's until it is posted, and then nobody's until it is
 * opened, once, in the reader's loop.  Letters of one writer are opened in the
 * order in which he posted them.  What is posted together wakes the reader once,
 * and not at all if more waits for him already.
 */
#ifndef HARTHIO_MAILBOX_H
#define HARTHIO_MAILBOX_H

#include <stdbool.h>
#include <uv.h>

struct letter
{
	struct letter *next;
	/* Read it and free it.  Reader NULL: there is none any more, only free it. */
	void (*open)(struct letter *letter, void *reader);
};

/* Letters in a row; empty when zeroed. */
struct letters
{
	struct letter  *first;
	struct letter **end; /* where the next one goes; NULL: first */
};

struct mailbox
{
	uv_async_t	   wake;	/* the reader's loop */
	uv_mutex_t	   lock;	/* for what follows */
	struct letters letters; /* that wait */
	void		  *reader;	/* what opens them */
};

void letters_add(struct letters *letters, struct letter *letter);

/* The loop runs on without this handle when all others are closed: it ends then. */
void mailbox_init(struct mailbox *mailbox, uv_loop_t *uv, void *reader);

/* From any thread.  "letters" is empty afterwards. */
void mailbox_post(struct mailbox *mailbox, struct letters *letters);

/*
 * Close the handle, when the reader has ended; "mailbox_free" when nobody can
 * post any more and the loop has run once again.
 */
void mailbox_close(struct mailbox *mailbox);
void mailbox_free(struct mailbox *mailbox);

#endif
