/*
 * base64url.h
 *		Is this what we may give to cjose?
 */
#ifndef HARTHIO_BASE64URL_H
#define HARTHIO_BASE64URL_H

#include "slice.h"

/*
 * Is the text base64url without padding (RFC 7515, 2)?  cjose does not say no to
 * all that is not: at a "=" in the wrong place it ends the process.
 */
bool base64url_valid(struct slice text);

#endif
