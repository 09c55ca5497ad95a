/*
 * mailbox.h
 *		Letters from one event loop to another: many write, one reads.
 *
 * A letter is its writer's until it is posted, and then nobody's until it is
 * opened, once, in the reader's loop.  Letters of one writer are opened in the
 * order in which he posted them.
 *
 * To wake a reader costs more than to read, and one who has much to do looks by
 * himself soon.  So what is not urgent is left to one who looked a moment ago; the
 * writer reminds him when a millisecond has passed.  One who sleeps is woken.
 */
#ifndef HARTHIO_MAILBOX_H
#define HARTHIO_MAILBOX_H

#include <stdatomic.h>
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

	_Atomic uint64_t looked_at; /* when he last looked, uv_hrtime() */
};

/* How long after a look he counts as awake, and how long letters are left to him. */
#define MAILBOX_PATIENCE_MS 1

void letters_add(struct letters *letters, struct letter *letter);

/* The loop runs on without this handle when all others are closed: it ends then. */
void mailbox_init(struct mailbox *mailbox, uv_loop_t *uv, void *reader);

/* The reader looks: each letter that waits is opened.  The rest is for any thread. */
void mailbox_look(struct mailbox *mailbox);

/* "letters" is empty afterwards, and the reader is woken. */
void mailbox_post(struct mailbox *mailbox, struct letters *letters);

/*
 * The same, if he sleeps.  True: he does not, and should be reminded when
 * MAILBOX_PATIENCE_MS have passed.
 */
bool mailbox_leave(struct mailbox *mailbox, struct letters *letters);

/* Wake the reader, if letters wait. */
void mailbox_remind(struct mailbox *mailbox);

/*
 * Close the handle, when the reader has ended; "mailbox_free" when nobody can
 * post any more and the loop has run once again.
 */
void mailbox_close(struct mailbox *mailbox);
void mailbox_free(struct mailbox *mailbox);

#endif
