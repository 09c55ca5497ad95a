/*-------------------------------------------------------------------------
 *
 * test_ladder.c
 *	  Does the video ladder keep every rule that it states, at its boundary?
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "quality_samples.h"

/* A participant who is alone on the ladder: its rung is the one in force. */
typedef struct Climber
{
	LadderMember   member;
	QualityMetrics metrics; /* nothing measured, unless a test says so */
} Climber;

static Climber
climber(Rung rung, double since)
{
	Climber c = {.metrics = {.present = 0}};

	ladder_member_init(&c.member, since);
	c.member.place.rung = rung;
	return c;
}

/* The rung after a sample. */
static Rung
feed(Climber *c, double q, double now)
{
	Rung before = c->member.place.rung;
	bool moved = ladder_member_update(&c->member, &c->metrics, q, before, now);

	CHECK(moved == (c->member.place.rung != before));
	return c->member.place.rung;
}

static void
test_caps(void)
{
	static const RungCap caps[RUNGS] = {
		{720, 1500, 1000, 30}, {480, 800, 500, 30}, {360, 450, 250, 24}, {240, 200, 120, 15}, {0, 40, 0, 0}};

	for (int i = 0; i < RUNGS; i++)
		CHECK(memcmp(rung_cap((Rung) i), &caps[i], sizeof(RungCap)) == 0);
	CHECK(rung_lower(RUNG_720, RUNG_240) == RUNG_240);
	CHECK(rung_lower(RUNG_AUDIO, RUNG_240) == RUNG_AUDIO);
}

static void
test_down_after_two_bad_samples(void)
{
	Climber c = climber(RUNG_720, 0);

	CHECK(feed(&c, 49.9, 0) == RUNG_720);
	CHECK(feed(&c, 49.9, 5) == RUNG_480);
	CHECK(feed(&c, 49.9, 10) == RUNG_480); /* a new run */
	CHECK(feed(&c, 49.9, 15) == RUNG_360);
	CHECK(feed(&c, 49.9, 20) == RUNG_360);
	CHECK(feed(&c, 49.9, 25) == RUNG_240);
	CHECK(feed(&c, 49.9, 30) == RUNG_240);
	CHECK(feed(&c, 25, 60) == RUNG_240); /* 25 is bad but not hopeless */
	for (int now = 65; now < 200; now += 5)
		CHECK(feed(&c, 25, now) == RUNG_240);

	/* at 50 it is not bad, and one better sample breaks the run */
	c = climber(RUNG_720, 0);
	CHECK(feed(&c, 50, 0) == RUNG_720);
	CHECK(feed(&c, 50, 5) == RUNG_720);
	CHECK(feed(&c, 49, 10) == RUNG_720);
	CHECK(feed(&c, 50, 15) == RUNG_720);
	CHECK(feed(&c, 49, 20) == RUNG_720);
}

static void
test_samples_in_a_row(void)
{
	Climber c = climber(RUNG_720, 0);

	/* nearly at once: the second does not count */
	CHECK(feed(&c, 49, 0) == RUNG_720);
	CHECK(feed(&c, 49, 0) == RUNG_720);
	CHECK(feed(&c, 49, 2.4) == RUNG_720);
	CHECK(feed(&c, 49, 2.5) == RUNG_480);

	/* 15 s apart they are in a row, more they are not */
	c = climber(RUNG_720, 0);
	CHECK(feed(&c, 49, 0) == RUNG_720);
	CHECK(feed(&c, 49, 15.5) == RUNG_720);
	CHECK(feed(&c, 49, 30.5) == RUNG_480);
}

static void
test_down_by_bitrate(void)
{
	static const double min_useful[] = {1000, 500, 250};

	for (int i = RUNG_720; i <= RUNG_360; i++)
	{
		Climber c = climber((Rung) i, 0);

		quality_set(&c.metrics, QUALITY_AVAILABLE_KBPS, min_useful[i]);
		CHECK((int) feed(&c, 70, 0) == i);
		CHECK((int) feed(&c, 70, 5) == i);
		quality_set(&c.metrics, QUALITY_AVAILABLE_KBPS, min_useful[i] - 1);
		CHECK((int) feed(&c, 70, 10) == i);
		CHECK((int) feed(&c, 70, 15) == i + 1);
	}
}

static void
test_bitrate_alone_leaves_240(void)
{
	Climber c = climber(RUNG_240, 0);

	quality_set(&c.metrics, QUALITY_AVAILABLE_KBPS, 1);
	for (int now = 0; now <= 60; now += 5)
		CHECK(feed(&c, 70, now) == RUNG_240);
}

static void
test_down_two_at_once(void)
{
	Climber c = climber(RUNG_720, 0);

	CHECK(feed(&c, 24.9, 0) == RUNG_360);
	c = climber(RUNG_720, 0);
	CHECK(feed(&c, 25, 0) == RUNG_720);
	c = climber(RUNG_480, 0);
	CHECK(feed(&c, 24.9, 0) == RUNG_240);
	c = climber(RUNG_360, 0); /* never past 240 at once */
	CHECK(feed(&c, 0, 0) == RUNG_240);

	c = climber(RUNG_720, 0);
	quality_set(&c.metrics, QUALITY_LOSS, 15);
	CHECK(feed(&c, 70, 0) == RUNG_720);
	quality_set(&c.metrics, QUALITY_LOSS, 15.1);
	CHECK(feed(&c, 70, 5) == RUNG_360);
	c = climber(RUNG_720, 0);
	quality_set(&c.metrics, QUALITY_VIDEO_LOSS, 15.1);
	CHECK(feed(&c, 70, 0) == RUNG_360);
}

static void
test_up_after_three_good_samples(void)
{
	Climber c = climber(RUNG_480, -100);

	CHECK(feed(&c, 80.1, 0) == RUNG_480);
	CHECK(feed(&c, 80.1, 5) == RUNG_480);
	CHECK(feed(&c, 80.1, 10) == RUNG_720);
	CHECK(feed(&c, 100, 15) == RUNG_720); /* there is no higher one */

	/* at 80 it is not good, and breaks the run */
	c = climber(RUNG_480, -100);
	CHECK(feed(&c, 81, 0) == RUNG_480);
	CHECK(feed(&c, 81, 5) == RUNG_480);
	CHECK(feed(&c, 80, 10) == RUNG_480);
	CHECK(feed(&c, 81, 15) == RUNG_480);
	CHECK(feed(&c, 81, 20) == RUNG_480);
	CHECK(feed(&c, 81, 25) == RUNG_720);
}

static void
test_up_needs_headroom(void)
{
	static const double headroom[] = {1875, 1000, 562.5};

	for (int i = RUNG_480; i <= RUNG_240; i++)
	{
		Climber c = climber((Rung) i, -100);

		quality_set(&c.metrics, QUALITY_AVAILABLE_KBPS, headroom[i - 1] - 0.1);
		for (int now = 0; now <= 20; now += 5)
			CHECK((int) feed(&c, 90, now) == i);
		quality_set(&c.metrics, QUALITY_AVAILABLE_KBPS, headroom[i - 1]);
		CHECK((int) feed(&c, 90, 25) == i);
		CHECK((int) feed(&c, 90, 30) == i);
		CHECK((int) feed(&c, 90, 35) == i - 1);
	}
}

static void
test_up_20_seconds_after_a_change(void)
{
	Climber c = climber(RUNG_720, 0);

	CHECK(feed(&c, 0, 0) == RUNG_360);
	for (int now = 5; now <= 15; now += 5)
		CHECK(feed(&c, 90, now) == RUNG_360);
	CHECK(feed(&c, 90, 19.9) == RUNG_360);
	CHECK(feed(&c, 90, 22.4) == RUNG_480);

	/* from one rise to the next too */
	CHECK(feed(&c, 90, 27) == RUNG_480);
	CHECK(feed(&c, 90, 32) == RUNG_480);
	CHECK(feed(&c, 90, 37) == RUNG_480);
	CHECK(feed(&c, 90, 42.3) == RUNG_480);
	CHECK(feed(&c, 90, 45) == RUNG_720);

	c = climber(RUNG_720, 0);
	CHECK(feed(&c, 0, 0) == RUNG_360);
	for (int now = 5; now <= 15; now += 5)
		CHECK(feed(&c, 90, now) == RUNG_360);
	CHECK(feed(&c, 90, 20) == RUNG_480); /* exactly 20 s */
}

/* Good until it rises, then severe after that many seconds: when was it up? */
static double
rise_and_fail(Climber *c, double *now, double after)
{
	double up_at;

	while (c->member.place.rung == RUNG_360)
	{
		*now += 5;
		feed(c, 90, *now);
	}
	up_at = *now;
	*now += after;
	feed(c, 0, *now);
	c->member.place.rung = RUNG_360; /* to be at the same place again */
	return up_at;
}

static void
test_backoff_doubles(void)
{
	static const double waits[] = {40, 80, 160, 300, 300, 300};
	Climber				c = climber(RUNG_360, -100);
	double				now = 0;

	CHECK(c.member.place.backoff == 20);
	rise_and_fail(&c, &now, 10);
	for (int i = 0; i < 6; i++)
	{
		double fell_at = now;

		CHECK(c.member.place.backoff == waits[i]);
		CHECK(rise_and_fail(&c, &now, 5) - fell_at == waits[i]);
	}
}

static void
test_what_is_a_failed_rise(void)
{
	Climber c = climber(RUNG_360, -100);
	double	now = 0;

	rise_and_fail(&c, &now, 15);
	CHECK(c.member.place.backoff == 40);

	c = climber(RUNG_360, -100);
	rise_and_fail(&c, &now, 15.1);
	CHECK(c.member.place.backoff == 20);

	/* the second fall in a row is not another failed rise */
	c = climber(RUNG_360, -100);
	now = 0;
	rise_and_fail(&c, &now, 5);
	c.member.place.rung = RUNG_480;
	CHECK(feed(&c, 0, now + 5) == RUNG_240);
	CHECK(c.member.place.backoff == 40);
}

/* 2 minutes of calm halve it; the wait itself does not count as calm. */
static void
test_backoff_halves_when_calm(void)
{
	Climber c = climber(RUNG_720, 0);

	c.member.place.backoff = 300;
	for (int now = 5; now < 120; now += 5)
		feed(&c, 70, now);
	CHECK(c.member.place.backoff == 300);
	feed(&c, 70, 120);
	CHECK(c.member.place.backoff == 150);
	feed(&c, 40, 235); /* a bad sample: calm starts again */
	feed(&c, 70, 240);
	CHECK(c.member.place.backoff == 150);
	feed(&c, 70, 354.9);
	CHECK(c.member.place.backoff == 150);
	feed(&c, 70, 357.5);
	CHECK(c.member.place.backoff == 75);
	feed(&c, 70, 1e6);
	CHECK(c.member.place.backoff == 20);

	c = climber(RUNG_480, 0);
	c.member.place.rose = true;
	c.member.place.backoff = 100;
	feed(&c, 0, 10); /* a failed rise: waits 200 s */
	CHECK(c.member.place.backoff == 200);
	feed(&c, 70, 329.9);
	CHECK(c.member.place.backoff == 200);
	feed(&c, 70, 333);
	CHECK(c.member.place.backoff == 100);
}

static void
test_audio_only(void)
{
	Climber c = climber(RUNG_240, 0);

	CHECK(feed(&c, 24, 0) == RUNG_240);
	CHECK(feed(&c, 24, 5) == RUNG_240);
	CHECK(feed(&c, 24, 9.9) == RUNG_240);
	CHECK(feed(&c, 24, 12.4) == RUNG_AUDIO);

	c = climber(RUNG_240, 0);
	CHECK(feed(&c, 24, 0) == RUNG_240);
	CHECK(feed(&c, 24, 5) == RUNG_240);
	CHECK(feed(&c, 24, 10) == RUNG_AUDIO); /* exactly 10 s */

	/* one sample of 25 begins it anew */
	c = climber(RUNG_240, 0);
	CHECK(feed(&c, 24, 0) == RUNG_240);
	CHECK(feed(&c, 24, 5) == RUNG_240);
	CHECK(feed(&c, 25, 10) == RUNG_240);
	CHECK(feed(&c, 24, 15) == RUNG_240);
	CHECK(feed(&c, 24, 20) == RUNG_240);
	CHECK(feed(&c, 24, 25) == RUNG_AUDIO);

	/* the sample that led to 240 was measured above it */
	c = climber(RUNG_360, 0);
	CHECK(feed(&c, 0, 0) == RUNG_240);
	CHECK(feed(&c, 0, 5) == RUNG_240);
	CHECK(feed(&c, 0, 10) == RUNG_240);
	CHECK(feed(&c, 0, 15) == RUNG_AUDIO);
}

static void
test_video_again(void)
{
	Climber c = climber(RUNG_AUDIO, 0);

	CHECK(feed(&c, 90, 25) == RUNG_AUDIO);
	CHECK(feed(&c, 90, 29.9) == RUNG_AUDIO);
	CHECK(feed(&c, 50, 32.4) == RUNG_240);

	c = climber(RUNG_AUDIO, 1000);
	CHECK(feed(&c, 50, 1027) == RUNG_AUDIO);
	CHECK(feed(&c, 50, 1030) == RUNG_240); /* exactly 30 s */

	c = climber(RUNG_AUDIO, 0);
	CHECK(feed(&c, 49.9, 30) == RUNG_AUDIO);
	quality_set(&c.metrics, QUALITY_LOSS, 16);
	CHECK(feed(&c, 60, 35) == RUNG_AUDIO);
	quality_set(&c.metrics, QUALITY_LOSS, 1);
	quality_set(&c.metrics, QUALITY_AVAILABLE_KBPS, 60); /* as low as what is sent */
	CHECK(feed(&c, 60, 40) == RUNG_240);

	/* it fails: at once again audio only, and a longer wait than 30 s */
	for (int now = 45; now < 55; now += 5)
		CHECK(feed(&c, 10, now) == RUNG_240);
	CHECK(feed(&c, 10, 55) == RUNG_AUDIO);
	CHECK(c.member.place.backoff == 40);
	CHECK(feed(&c, 90, 94.9) == RUNG_AUDIO);
	CHECK(feed(&c, 90, 97.4) == RUNG_240);
}

static void
test_cpu_limited(void)
{
	Climber c = climber(RUNG_720, 0);

	c.metrics.cpu_limited = true;
	CHECK(feed(&c, 90, 0) == RUNG_720);
	CHECK(feed(&c, 90, 5) == RUNG_480);
	CHECK(feed(&c, 90, 10) == RUNG_480);
	CHECK(feed(&c, 90, 15) == RUNG_360);

	/* and not up, however good the network */
	c = climber(RUNG_240, -100);
	c.metrics.cpu_limited = true;
	for (int now = 0; now < 60; now += 5)
		CHECK(feed(&c, 100, now) == RUNG_240);
}

static void
test_screen_share(void)
{
	Climber c = climber(RUNG_720, -100);

	/* a still screen has few frames: no move */
	c.metrics.screen_share = true;
	c.metrics.cpu_limited = true;
	quality_set(&c.metrics, QUALITY_LOSS, 50);
	for (int now = 0; now < 60; now += 5)
		CHECK(feed(&c, 0, now) == RUNG_720);
	c.member.place.rung = RUNG_240;
	for (int now = 60; now < 120; now += 5)
		CHECK(feed(&c, 0, now) == RUNG_240);
	for (int now = 120; now < 180; now += 5)
		CHECK(feed(&c, 100, now) == RUNG_240);

	/* the bitrate moves it, both ways */
	quality_set(&c.metrics, QUALITY_AVAILABLE_KBPS, 562.5);
	CHECK(feed(&c, 0, 180) == RUNG_240);
	CHECK(feed(&c, 0, 185) == RUNG_240);
	CHECK(feed(&c, 0, 190) == RUNG_360);
	quality_set(&c.metrics, QUALITY_AVAILABLE_KBPS, 249);
	CHECK(feed(&c, 100, 195) == RUNG_360);
	CHECK(feed(&c, 100, 200) == RUNG_240);

	c = climber(RUNG_AUDIO, 0);
	c.metrics.screen_share = true;
	CHECK(feed(&c, 100, 30) == RUNG_AUDIO);
	quality_set(&c.metrics, QUALITY_AVAILABLE_KBPS, 119);
	CHECK(feed(&c, 100, 35) == RUNG_AUDIO);
	quality_set(&c.metrics, QUALITY_AVAILABLE_KBPS, 120);
	CHECK(feed(&c, 0, 40) == RUNG_240);
}

/* Others hold the session lower than this participant needs. */
static void
test_held_lower_by_others(void)
{
	Climber c = climber(RUNG_480, -100);

	/* good at 240 says nothing about 720 */
	for (int now = 0; now < 60; now += 5)
		CHECK(!ladder_member_update(&c.member, &c.metrics, 100, RUNG_240, now));
	CHECK(c.member.place.rung == RUNG_480);

	/* less than 480 could use is enough for 360; less than 360 could is not */
	quality_set(&c.metrics, QUALITY_AVAILABLE_KBPS, 250);
	for (int now = 60; now < 90; now += 5)
		CHECK(!ladder_member_update(&c.member, &c.metrics, 100, RUNG_360, now));
	quality_set(&c.metrics, QUALITY_AVAILABLE_KBPS, 249);
	CHECK(!ladder_member_update(&c.member, &c.metrics, 100, RUNG_360, 90));
	CHECK(ladder_member_update(&c.member, &c.metrics, 100, RUNG_360, 95));
	CHECK(c.member.place.rung == RUNG_240);

	/* bad on audio alone: certainly not 720, but that is all it says */
	c = climber(RUNG_720, -100);
	CHECK(ladder_member_update(&c.member, &c.metrics, 0, RUNG_AUDIO, 0));
	CHECK(c.member.place.rung == RUNG_240);
}

static void
test_clock_set_back(void)
{
	Climber c = climber(RUNG_720, 1e9);

	CHECK(feed(&c, 49, 1e9) == RUNG_720);
	CHECK(feed(&c, 49, 0) == RUNG_720); /* not in a row */
	CHECK(feed(&c, 49, 5) == RUNG_480);

	/* no wait of years */
	c = climber(RUNG_480, 1e9);
	c.member.place.wait_until = 1e9 + 300;
	c.member.place.backoff = 300;
	for (int now = 0; now < 300; now += 5)
		CHECK(feed(&c, 90, now) == RUNG_480);
	CHECK(feed(&c, 90, 300) == RUNG_720);
}

static void
test_session_ladder(void)
{
	LadderPlace session;

	ladder_session_init(&session, 0);
	CHECK(session.rung == RUNG_720);
	CHECK(!ladder_session_update(&session, RUNG_720, 0));

	/* down at once, however far */
	CHECK(ladder_session_update(&session, RUNG_240, 1));
	CHECK(session.rung == RUNG_240);
	CHECK(ladder_session_update(&session, RUNG_AUDIO, 2));
	CHECK(session.rung == RUNG_AUDIO);
	CHECK(!ladder_session_update(&session, RUNG_AUDIO, 100));

	/* up one at a time, 20 s apart */
	CHECK(ladder_session_update(&session, RUNG_720, 101));
	CHECK(session.rung == RUNG_240);
	CHECK(!ladder_session_update(&session, RUNG_720, 120.9));
	CHECK(ladder_session_update(&session, RUNG_720, 121));
	CHECK(session.rung == RUNG_360);
	CHECK(ladder_session_update(&session, RUNG_720, 141));
	CHECK(session.rung == RUNG_480);
	CHECK(!ladder_session_update(&session, RUNG_480, 300));

	/* a failed rise makes the next one wait */
	CHECK(ladder_session_update(&session, RUNG_720, 301));
	CHECK(ladder_session_update(&session, RUNG_480, 310));
	CHECK(session.backoff == 40);
	CHECK(!ladder_session_update(&session, RUNG_720, 349.9));
	CHECK(ladder_session_update(&session, RUNG_720, 350));
}

/* One who needs less takes all along; when it leaves, they climb slowly. */
static void
test_session_follows_its_members(void)
{
	QualityMetrics metrics = {.present = 0};
	LadderMember   members[3];
	LadderPlace	   session;

	ladder_session_init(&session, 0);
	for (int i = 0; i < 3; i++)
		ladder_member_init(&members[i], 0);

	for (int now = 0; now <= 5; now += 5)
	{
		ladder_member_update(&members[0], &metrics, 95, session.rung, now);
		ladder_member_update(&members[1], &metrics, 95, session.rung, now);
		ladder_member_update(&members[2], &metrics, 10, session.rung, now);
		ladder_session_update(&session, lowest_of(members, 3), now);
	}
	CHECK(members[0].place.rung == RUNG_720);
	CHECK(members[1].place.rung == RUNG_720);
	CHECK(members[2].place.rung == RUNG_240);
	CHECK(session.rung == RUNG_240);

	for (int now = 10; now <= 70; now += 5)
		ladder_session_update(&session, lowest_of(members, 2), now);
	CHECK(session.rung == RUNG_720);
	CHECK(session.changed_at == 65);
}

int
main(void)
{
	test_caps();
	test_down_after_two_bad_samples();
	test_samples_in_a_row();
	test_down_by_bitrate();
	test_bitrate_alone_leaves_240();
	test_down_two_at_once();
	test_up_after_three_good_samples();
	test_up_needs_headroom();
	test_up_20_seconds_after_a_change();
	test_backoff_doubles();
	test_what_is_a_failed_rise();
	test_backoff_halves_when_calm();
	test_audio_only();
	test_video_again();
	test_cpu_limited();
	test_screen_share();
	test_held_lower_by_others();
	test_clock_set_back();
	test_session_ladder();
	test_session_follows_its_members();
	return check_summary();
}
