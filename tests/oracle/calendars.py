"""Selection by date in every calendar of CF, against cftime."""
import cftime
import netCDF4
import numpy as np

import support
from support import Test, check_run, run, rng

CALENDARS = ["standard", "gregorian", "proleptic_gregorian", "julian", "noleap", "365_day",
             "all_leap", "366_day", "360_day"]
# (cftime overlooks the zone in the example of CF 4.4, "-6:00".)
UNITS = ["days since 1850-01-01", "hours since 2000-02-28 06:00:00", "seconds since 1970-1-1",
         "minutes since 1999-12-31 18:00:00 -06:00"]


def write(path, values, units, calendar):
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("time", None)
        time = file.createVariable("time", "f8", ("time",))
        time.units = units
        if calendar is not None:
            time.calendar = calendar
        time[:] = values
        x = file.createVariable("x", "i4", ("time",))
        x[:] = np.arange(len(values))


def as_text(date):
    return f"{date.year:04d}-{date.month:02d}-{date.day:02d}"


def key(date, length):
    return (date.year, date.month, date.day, date.hour, date.minute, date.second)[:length]


class Calendars(Test):
    def selected(self, path, *bounds):
        """The values that -d time,... leaves; none if nothing lies there."""
        out = self.folder / "out.nc"
        words = ("eval", "r = x + 0", path, "-d", ",".join(("time",) + bounds), "-o", out, "--quiet",
                 "--overwrite")
        result = run(*words)
        if result.code == 2 and "range of dates" in result.err:
            return []
        self.assertEqual(result.code, 0, result)
        with netCDF4.Dataset(out) as file:
            return list(np.asarray(file["r"][:]))

    def test_dates_select_what_cftime_says(self):
        random = rng(71)
        for number, calendar in enumerate(CALENDARS + [None]):
            units = UNITS[number % len(UNITS)]
            named = calendar or "standard"
            # From February 1996 on, every 7 hours over more than a leap day.
            first = cftime.date2num(cftime.datetime(1996, 2, 20, 1, calendar=named), units, named)
            per_day = cftime.date2num(cftime.datetime(1996, 2, 21, 1, calendar=named), units,
                                      named) - first
            values = first + np.arange(400) * per_day * 7 / 24
            path = self.folder / f"{number}.nc"
            write(path, values[::-1] if number % 2 else values, units, calendar)
            dates = cftime.num2date(values, units, named)
            order = np.arange(400)[::-1] if number % 2 else np.arange(400)
            place = {int(i): int(order[i]) for i in range(400)}
            for _ in range(4):
                low, high = sorted(random.integers(0, 400, 2))
                with self.each(f"{calendar}, {units}, {dates[low]} to {dates[high]}"):
                    begin, end = as_text(dates[low]), as_text(dates[high])
                    wanted = sorted(place[i] for i, date in enumerate(dates)
                                    if key(dates[low], 3) <= key(date, 3) <= key(dates[high], 3))
                    self.assertEqual(self.selected(path, begin, end), wanted)
            with self.each(f"{calendar}: a month, an hour, open ends, none"):
                march = sorted(place[i] for i, d in enumerate(dates) if (d.year, d.month) == (1996, 3))
                self.assertEqual(self.selected(path, "1996-03"), march)
                one = dates[17]
                hour = f"{as_text(one)}T{one.hour:02d}"
                self.assertEqual(self.selected(path, hour), [place[17]])
                shown = check_run("info", path).out
                ends = [dates[order[i]].isoformat()[:19] for i in (0, -1)]
                self.assertIn(" to ".join(ends), shown)
                later = sorted(place[i] for i, d in enumerate(dates) if key(d, 3) >= (1996, 5, 1))
                self.assertEqual(self.selected(path, "1996-05-01", ""), later)
                self.assertEqual(self.selected(path, "2005-01-01", "2006-01-01"), [])

    def test_what_is_no_date_is_refused(self):
        path = self.folder / "noleap.nc"
        write(path, np.arange(800.0), "days since 1995-01-01", "noleap")
        plain = self.folder / "plain.nc"
        check_run("sample", "-o", plain, "--shape", "5,4,3")
        for file, bounds, words in [
                (path, "time,1996-02-29", "no such date"),
                (path, "time,1996-02-30,1996-03-01", "no such date"),
                (path, "time,1996-01-01,5", "one end is a date"),
                (path, "time,1996-13-01", "no number"),
                (plain, "lat,1996-01-01,1996-02-01", "does not count time")]:
            with self.each(bounds):
                name = "x" if file == path else "t2m"
                result = run("eval", f"r = {name} + 0", file, "-d", bounds, "-o",
                             self.folder / "refused.nc")
                self.assertEqual(result.code, 2, result)
                self.assertIn(words, result.err)

    def test_edges_of_calendars_are_cftimes(self):
        for calendar, units, first, days, dates in [
                ("360_day", "days since 2000-01-01 12:30", (1999, 12, 1), 120,
                 ["2000-02-30", "2000-02", "2000-01-30", "1999-12-30"]),
                ("noleap", "days since 1999-12-31 23:59:59.5", (2000, 2, 20), 20, ["2000-02-28", "2000-02"]),
                ("all_leap", "hours since 1999-01-01T06:00", (1999, 2, 20), 20, ["1999-02-29", "1999-02"]),
                ("julian", "days since 1900-02-28 18:00 +6", (1900, 2, 20), 20,
                 ["1900-02-29", "1900-02"]),
                ("proleptic_gregorian", "days since 0000-01-01", (0, 2, 20), 20, ["0000-02-29"]),
                ("proleptic_gregorian", "days since 2000-1-1", (1900, 2, 20), 20, ["1900-02"]),
                ("standard", "days since 0001-01-01", (1582, 10, 1), 25,
                 ["1582-10-04", "1582-10-15", "1582-10"]),
                ("standard", "days since 2000-01-01", (1500, 2, 20), 20, ["1500-02-29"])]:
            # Counted by days from a moment inside of the first one, in units without a zone.
            plain = "seconds since " + "{:04d}-{:02d}-{:02d} 05:00:00".format(*first)
            moments = cftime.num2date(np.arange(days) * 86400, plain, calendar)
            zone = 6 / 24 if units.endswith("+6") else 0  # which cftime does not read
            values = cftime.date2num(moments, units.removesuffix(" +6"), calendar) + zone
            path = self.folder / "edge.nc"
            write(path, values, units, calendar)
            for date in dates:
                with self.each(f"{calendar}, {units}: {date}"):
                    parts = tuple(map(int, date.split("-")))
                    wanted = [i for i, d in enumerate(moments) if key(d, len(parts)) == parts]
                    self.assertEqual(self.selected(path, date), wanted)
                    self.assertTrue(wanted)
            with self.each(f"{calendar}, {units}: info"):
                ends = [moments[i].isoformat()[:16] for i in (0, -1)]
                told = check_run("info", path).out
                for end in ends:
                    self.assertIn(end, told)

    def test_dates_that_a_calendar_lacks_and_units_without_a_length(self):
        for calendar, units, date, word in [
                ("360_day", "days since 2000-01-01", "2000-01-31", "no such date"),
                ("noleap", "days since 2000-01-01", "2000-02-29", "no such date"),
                ("proleptic_gregorian", "days since 2000-01-01", "1900-02-29", "no such date"),
                ("standard", "days since 1582-10-01", "1582-10-10", "no such date"),
                ("standard", "months since 2000-01-01", "2000-02", "counts months or years"),
                ("noleap", "years since 2000-01-01", "2000-02", "counts months or years"),
                ("standard", "days since 2001-02-29", "2001-03", "does not count time"),
                ("none", "days since 2001-01-01", "2001-03", "does not count time")]:
            with self.each(f"{calendar}, {units}: {date}"):
                path = self.folder / "lacks.nc"
                write(path, np.arange(90.0), units, calendar)
                result = run("subset", path, "-d", f"time,{date}", "-o", self.folder / "no.nc")
                self.assertEqual(result.code, 2, result)
                self.assertIn(word, self.block_of(result))
                self.assertEqual(run("info", path).code, 0)


if __name__ == "__main__":
    support.main()
