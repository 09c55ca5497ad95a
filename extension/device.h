/*-------------------------------------------------------------------------
 *
 * device.h
 *	  Which of a participant's devices speaks, and which life of it.
 *
 * A participant can be in a session with several devices: a phone, two tabs.
 * A device's incarnation grows with each of its lives, such as each load of a
 * page, and the newest one speaks for it: what an older one still says, a
 * late beacon for example, is not meant any more.
 *
 * A client names both in the JSON that it sends: "device", a string, and
 * "incarnation", a non-negative integer.  Without them it is the device ''
 * in incarnation 0.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_DEVICE_H
#define HARTHIO_DEVICE_H

#include "fmgr.h"

typedef struct Device
{
	const char *name;
	int64		incarnation;
} Device;

/*
 * The device that a participant's info names, taken out of the info: that is
 * left with what the participant said of itself.  Raises 22023.
 */
extern Device device_take(Datum *info);

/*
 * The device that a report's detail names.  False if it names none: reports
 * may use these words as they like.
 */
extern bool device_find(Datum said, Device *device);

#endif /* HARTHIO_DEVICE_H */
