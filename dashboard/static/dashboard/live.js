/* Keeps a page true while it is looked at. Badges come with the events of /live/events; everything
   else is the same page, read again and put in place. See docs/live.md. */
"use strict";
(() => {
    const root = document.getElementById("rc-live");
    if (!root) return;
    const band = document.getElementById("rc-live-band"), hint = document.getElementById("rc-live-hint");
    const LISTS = ["account", "gateway", "incident", "repair"].map((name) => `body.change-list.model-${name} #result_list`);
    const SILENT_AFTER = 8500, POLLED_EVERY = 5000, READ_EVERY = 20000, IDLE_AFTER = 120000, READ_SHARE = 400, SLOWEST_READ = 15000;
    const UNITS = [["s", 1, 90], ["min", 60, 5400], ["h", 3600, 129600], ["d", 86400, Infinity]];
    const title = document.title, icon = document.querySelector('link[rel="icon"]');
    const now = () => Date.now();
    const between = (least, most) => least + Math.random() * (most - least);
    let source = null, named = "", reopening = 0, offset = -Infinity, over = "";
    let goodAt = 0, heardAt = now(), heardData = 0, touchedAt = now();
    let reading = null, due = 0, timer = 0, readEnded = now(), readTook = 0, readFailed = false;
    let spread = 0; // many pages share the reads: each waits longer
    let latest = null; // the page as it was read last
    const pushed = new Map(); // uuid → [when, badge]

    // --- clocks: ages are those of the data, by the server's clock -----------------------------
    const serverNow = () => now() + offset;
    function noteTime(text) {
        const at = Date.parse(text);
        if (Number.isNaN(at)) return;
        offset = Math.max(offset, at - now()); // what took the least time on its way is nearest
        goodAt = Math.max(goodAt, at);
    }
    function age(from) {
        const seconds = Math.max(0, Math.floor((serverNow() - from) / 1000));
        const [unit, length] = UNITS.find((one) => seconds < one[2]);
        return `${Math.floor((seconds + Math.floor(length / 2)) / length)} ${unit}`;
    }
    const clock = (at) => `${new Date(at).toISOString().slice(11, 19)} UTC`;
    function tick() {
        for (const time of document.querySelectorAll("time[data-after]")) {
            const text = age(Date.parse(time.dateTime)) + time.dataset.after;
            if (time.textContent !== text) time.textContent = text;
        }
        const isLost = over || now() - heardAt > SILENT_AFTER;
        if (isLost && !over && !document.hidden) schedule(POLLED_EVERY - (now() - readEnded));
        show(band, over || (isLost && `Live updates stopped at ${clock(heardData || goodAt)}. Showing data of ${clock(goodAt)} (${age(goodAt)} ago), ` +
            (readFailed ? "and the server does not answer: trying again." : "read again every 5 s.")));
        if (!isLost && now() - readEnded > READ_EVERY + spread) schedule(between(0, 2000));
        if (!hint.hidden && now() - touchedAt > IDLE_AFTER) putInOrder(); // a screen on the wall
    }
    function show(element, text) {
        element.hidden = !text;
        const words = element.querySelector("span");
        if (text && words.textContent !== text) words.textContent = text;
    }

    // --- the stream: only while the page is seen -------------------------------------------------
    function shownAccounts() {
        return [...new Set([...document.querySelectorAll("[data-account]")].map((one) => one.dataset.account))].slice(0, 200);
    }
    function open() {
        clearTimeout(reopening);
        if (source || over || document.hidden) return;
        named = shownAccounts().join(",");
        source = new EventSource(`${root.dataset.url}?accounts=${named}`, { withCredentials: true });
        for (const name of ["snapshot", "changed", "counts", "beat"]) source.addEventListener(name, (event) => hear(name, JSON.parse(event.data)));
        source.addEventListener("done", () => {
            over = "You are signed out, or may no longer see this page. Reload it.";
            close();
            tick();
        });
        source.onerror = () => { // a refusal closes it for good; a drop does not
            if (source && source.readyState === EventSource.CLOSED) {
                close();
                reopening = setTimeout(open, between(2000, 6000));
            }
        };
    }
    function close() {
        clearTimeout(reopening);
        if (source) source.close();
        source = null;
    }
    function hear(name, said) {
        noteTime(said.now);
        const at = Date.parse(said.now);
        if (at > heardData || name === "snapshot") heardAt = now(); // a feed that sees nothing new is dead, too
        heardData = Math.max(heardData, at);
        if (name === "counts") putCounts(said.groups, said.open_incidents);
        if (name === "beat" || name === "counts") return;
        spread = (said.streams || 1) * READ_SHARE;
        let touched = false;
        for (const [uuid, one] of Object.entries(said.accounts)) if (putBadges([[uuid, one.badge]]) && !putCells(uuid, one.cells)) touched = true;
        if (name === "snapshot") schedule(readEnded > loadedAt || now() - loadedAt > 5000 ? between(0, 500) : between(1000, 3000));
        else if (touched) schedule(between(100, 500));
        else if (said.incidents || said.gateways.length || said.others) schedule(between(200, 500 + spread));
    }
    /* The cells of a row of the accounts list; false if it is shown in another way, too. */
    function putCells(uuid, cells) {
        const shown = [...document.querySelectorAll(`[data-account="${CSS.escape(uuid)}"]`)].map((one) => one.closest("tr.data-row"));
        if (!cells || !shown.every(Boolean)) return false;
        for (const row of shown) for (const [name, html] of Object.entries(cells)) {
            const cell = row.querySelector(`.field-${name}`);
            if (cell) { cell.innerHTML = html; served.set(cell, plain(cell)); }
        }
        return true;
    }
    function putCounts(groups, incidents) {
        for (const count of document.querySelectorAll("[data-count]")) count.textContent = groups[count.dataset.count] || 0;
        root.dataset.attention = (groups.human || 0) + incidents;
        putAttention();
    }
    function putBadges(pairs) {
        let touched = false;
        for (const [uuid, html] of pairs) {
            pushed.set(uuid, [now(), html]);
            for (const old of document.querySelectorAll(`[data-account="${CSS.escape(uuid)}"]`)) {
                const template = document.createElement("template");
                template.innerHTML = html;
                old.replaceWith(template.content);
                touched = true;
            }
        }
        return touched;
    }

    // --- the page, read again: never more than a tenth of the time ------------------------------
    function schedule(delay) {
        const at = Math.max(now() + Math.max(0, delay), readEnded + Math.max(1000, 10 * readTook));
        if (reading || over || (due && due <= at)) {
            if (reading) due = 1; // once more, when this one has ended
            return;
        }
        clearTimeout(timer);
        due = at;
        timer = setTimeout(read, at - now());
    }
    async function read() {
        due = 0;
        if (reading || document.hidden || over) return;
        const began = now();
        reading = new AbortController();
        const limit = setTimeout(() => reading.abort(), SLOWEST_READ);
        try {
            const answer = await fetch(location.href, { headers: { "X-Rollcall-Live": "1" }, signal: reading.signal });
            if (answer.status < 500) {
                const page = new DOMParser().parseFromString(await answer.text(), "text/html");
                if (!answer.ok || !page.getElementById("rc-live")) over = "You are signed out, or this page is gone. Reload it.";
                else put(page, began);
            }
            readFailed = !answer.ok;
        } catch (error) {
            readFailed = true; // the band says so
        }
        clearTimeout(limit);
        reading = null;
        readEnded = now();
        readTook = readFailed ? 0 : readEnded - began;
        if (due) { due = 0; schedule(between(0, 500)); }
        if (over) close();
        tick();
    }
    function put(page, began) {
        latest = page;
        const fresh = page.getElementById("rc-live");
        noteTime(fresh.dataset.now);
        root.dataset.attention = fresh.dataset.attention;
        for (const block of document.querySelectorAll("[data-live]")) {
            const found = page.querySelector(`[data-live="${block.dataset.live}"]`);
            if (found) swap(block, found);
        }
        for (const link of document.querySelectorAll("#nav-sidebar-apps a[href]")) {
            const found = page.querySelector(`#nav-sidebar-apps a[href="${CSS.escape(link.getAttribute("href"))}"]`);
            if (found) swap(link, found);
        }
        if (LISTS.some((one) => page.querySelector(one) && !document.querySelector(one))) location.reload(); // nothing stands there yet
        let misplaced = 0;
        for (const [list, found] of lists(page)) misplaced += mergeRows(list, found);
        hint.querySelector("span").textContent = `${misplaced} row${misplaced === 1 ? "" : "s"} new, gone or in another place.`;
        hint.hidden = !misplaced;
        putBadges([...pushed].filter(([, [at]]) => at >= began).map(([uuid, [, html]]) => [uuid, html]));
        for (const [uuid, [at]] of pushed) if (at < began) pushed.delete(uuid);
        putAttention();
        if (source && shownAccounts().some((uuid) => !named.includes(uuid))) { close(); open(); } // of new rows, too
    }
    /* Its HTML without what differs at each reading: ages, and the tokens of forms. */
    const plain = (element) => element.innerHTML.replace(/(<time\b[^>]*>)[^<]*/g, "$1").replace(/(csrfmiddlewaretoken" value=")[^"]*/g, "$1");
    const served = new WeakMap();
    function swap(block, found) {
        const html = plain(found);
        if (served.get(block) === html) return;
        const active = block.contains(document.activeElement) && document.activeElement.matches("input, select, textarea");
        if (active || (!getSelection().isCollapsed && block.contains(getSelection().anchorNode))) return; // somebody is at work there
        const opened = [...block.querySelectorAll("details")].map((one) => one.open);
        const focused = [...block.querySelectorAll("a, button")].indexOf(document.activeElement);
        block.innerHTML = found.innerHTML;
        block.querySelectorAll("details").forEach((one, index) => { one.open = opened[index] || false; });
        if (focused >= 0) block.querySelectorAll("a, button")[focused]?.focus({ preventScroll: true });
        served.set(block, html);
    }

    // --- lists: rows stay where they are; new ones come at the end ------------------------------------
    function lists(page) {
        const selectors = ["[data-live-rows]", ...LISTS];
        const none = document.createElement("ul"); // a list that has no rows any more is not on the page
        return selectors.flatMap((one) => [...document.querySelectorAll(one)].map((list, index) => [list, page.querySelectorAll(one)[index] || none]));
    }
    function rowsOf(list) {
        const rows = [...list.querySelectorAll("tr.data-row, :scope > li")];
        return new Map(rows.map((row) => [row.querySelector("a[href]")?.getAttribute("href").split("?")[0], row]));
    }
    const unit = (row) => (row.parentElement.matches("tbody[x-data]") ? row.parentElement : row);
    function mergeRows(list, found) {
        const present = rowsOf(list), fresh = rowsOf(found), added = [];
        for (const [key, row] of fresh) {
            const own = present.get(key);
            if (!own) { added.push(row); continue; }
            own.classList.remove("rc-gone");
            if (!own.cells) swap(own, row);
            else [...row.cells].forEach((cell, index) => own.cells[index] && !cell.querySelector("input") && swap(own.cells[index], cell));
        }
        const gone = [...present].filter(([key]) => !fresh.has(key));
        for (const [, row] of gone) row.classList.add("rc-gone");
        const kept = [...present.keys()].filter((key) => fresh.has(key)), order = [...fresh.keys()].filter((key) => present.has(key));
        if (!present.size) list.innerHTML = found.innerHTML;
        else for (const row of added) (unit([...present.values()].pop()).parentElement).append(document.importNode(unit(row), true));
        return gone.length + added.length + kept.filter((key, index) => order[index] !== key).length;
    }
    function putInOrder() {
        if (latest) for (const [list, found] of lists(latest)) list.innerHTML = found.innerHTML;
        hint.hidden = true;
        putBadges([...pushed].map(([uuid, [, html]]) => [uuid, html]));
    }

    // --- title and icon: the count of what needs somebody ------------------------------------------------
    function putAttention() {
        const count = Number(root.dataset.attention) || 0;
        document.title = count ? `(${count}) ${title}` : title;
        if (!icon) return;
        const mark = count ? `<circle cx="22" cy="10" r="10" fill="#b91c1c"/><text x="22" y="14.5" font-family="sans-serif" font-size="${count > 9 ? 11 : 13}" font-weight="700" text-anchor="middle" fill="#fff">${count > 99 ? "99" : count}</text>` : "";
        icon.href = `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0f766e"/><path d="M7 17l5 5L24 10" fill="none" stroke="#fff" stroke-width="3"/>${mark}</svg>`)}`;
    }

    const loadedAt = now();
    noteTime(root.dataset.now);
    for (const block of document.querySelectorAll("[data-live], #nav-sidebar-apps a[href], #result_list td, [data-live-rows] > li")) served.set(block, plain(block));
    putAttention();
    hint.querySelector("button").addEventListener("click", putInOrder);
    for (const name of ["pointermove", "keydown", "wheel", "touchstart"]) addEventListener(name, () => { touchedAt = now(); }, { passive: true });
    addEventListener("pagehide", close);
    function seen() { heardAt = now(); open(); schedule(0); }
    addEventListener("pageshow", (event) => { if (event.persisted) seen(); });
    document.addEventListener("visibilitychange", () => (document.hidden ? close() : seen()));
    setInterval(tick, 1000);
    open();
})();
