// Keeps a copy of a tenant's users, groups and members in a SQLite database.
//
// Usage: ROSTER_KEY=… node follower.ts --url URL --key-env ROSTER_KEY --database FILE [--once]
//
// Requires Node.js 22.18 or newer and no packages. A key with the role `reader` is sufficient. With --once, the follower
// stops when its copy has reached the head. docs/keep-a-copy-in-sync.md explains the protocol and the rules for applying
// a change. Integers beyond 2^53 in `custom` lose precision in JSON.parse.
import { createHash } from "node:crypto";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

const WAIT = 30; // How long the server holds a request while there are no changes, in seconds.
const FIRST_PAUSE = 0.25, LONGEST_PAUSE = 30; // The pauses between retries, in seconds.

const SCHEMA = `
CREATE TABLE IF NOT EXISTS users (id TEXT PRIMARY KEY, version INTEGER NOT NULL, attributes TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS groups (id TEXT PRIMARY KEY, version INTEGER NOT NULL, attributes TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS members (group_id TEXT, user_id TEXT, PRIMARY KEY (group_id, user_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS position (id INTEGER PRIMARY KEY CHECK (id = 1),
    revision INTEGER NOT NULL, epoch TEXT NOT NULL, digest TEXT NOT NULL, consistent_from INTEGER);
`;

type Kind = "user" | "group";
type Attributes = Record<string, unknown>;
type Resource = { id: string; version: number; after: Attributes | null };
type Member = { groupId: string; userId: string; version: number };

/** A change. Other types than these are ignored. */
type Change =
    | ({ resource: Kind; type: `${Kind}.created` | `${Kind}.updated` | `${Kind}.deleted` } & Resource)
    | ({ resource: "member"; type: "member.added" | "member.removed" } & Member)
    | { resource: "user"; type: "user.erased" };

type Page = { items: Change[]; next: number; head: number; epoch: string; digest: string | null };

/** A line of an export: the first line, resources, and the last line. */
type Line =
    | { revision: number; epoch: string; resource?: undefined; end?: undefined }
    | ({ resource: Kind; end?: undefined } & Resource)
    | ({ resource: "member"; end?: undefined } & Member)
    | { end: true; resource?: undefined };

/**
 * The revision that the copy has reached. The copy equals the source only from `consistentFrom` on, because an export is
 * read while others write. This revision is not known before the first page of changes.
 */
type Position = { revision: number; epoch: string; digest: string; consistentFrom: number | null };

/** The server cannot be reached, or responded with a status for which a retry is useful. */
class Unavailable extends Error {
    retryAfter = 0; // seconds
}

/** The first eight bytes of SHA-256, for example of `user:<id>:<version>`. */
function digestOf(...parts: (string | number)[]): bigint {
    return createHash("sha256").update(parts.join(":")).digest().readBigUInt64BE();
}

/** The copy. Each method that changes the tables also updates `digest`, which is the XOR over all resources. */
class Copy {
    digest = 0n;
    private db: DatabaseSync;

    constructor(path: string) {
        this.db = new DatabaseSync(path);
        this.db.exec("PRAGMA journal_mode = WAL"); // Other programs can read the copy at any time.
        this.db.exec("PRAGMA secure_delete = ON"); // Deleted values are overwritten.
        this.db.exec(SCHEMA);
    }

    close(): void {
        this.db.close();
    }

    get hexDigest(): string {
        return this.digest.toString(16).padStart(16, "0");
    }

    position(): Position | undefined {
        const sql = "SELECT revision, epoch, digest, consistent_from AS consistentFrom FROM position";
        return this.rows<Position>(sql)[0];
    }

    /** Commits the rows together with the position that `save` stores, or neither. */
    async transaction(work: () => void | Promise<void>): Promise<void> {
        this.digest = BigInt(`0x${this.position()?.digest ?? "0"}`);
        this.db.exec("BEGIN IMMEDIATE");
        try {
            await work();
            this.db.exec("COMMIT");
        } catch (error) {
            this.db.exec("ROLLBACK");
            throw error;
        }
    }

    save({ revision, epoch, digest, consistentFrom }: Position): void {
        this.rows("INSERT OR REPLACE INTO position VALUES (1, ?, ?, ?, ?)", revision, epoch, digest, consistentFrom);
    }

    clear(): void {
        this.db.exec("DELETE FROM users; DELETE FROM groups; DELETE FROM members");
        this.digest = 0n;
    }

    /** Applies a change. After an export, the copy may already contain this change and later ones. */
    apply(row: Change): void {
        switch (row.type) {
            case "user.created":
            case "group.created":
                if (row.version >= (this.read(row.resource, row.id)?.version ?? 0)) this.put(row.resource, row);
                break;
            case "user.updated":
            case "group.updated":
                this.update(row.resource, row);
                break;
            case "user.deleted":
            case "group.deleted":
                this.delete(row.resource, row);
                break;
            case "member.added":
                this.addMember(row);
                this.update("group", { id: row.groupId, version: row.version, after: null });
                break;
            case "member.removed":
                this.removeMembers("group_id = ? AND user_id = ?", row.groupId, row.userId);
                this.update("group", { id: row.groupId, version: row.version, after: null });
                break;
        }
    }

    /** Removes erased values from the write-ahead log as well. */
    checkpoint(): void {
        this.db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    }

    /** Inserts or replaces a user or group. */
    put(kind: Kind, { id, version, after }: Resource): void {
        this.remove(kind, id);
        this.rows(`INSERT INTO ${kind}s VALUES (?, ?, ?)`, id, version, JSON.stringify(after ?? {}));
        this.digest ^= digestOf(kind, id, version);
    }

    addMember({ groupId, userId }: Member): void {
        if (this.rows("INSERT OR IGNORE INTO members VALUES (?, ?) RETURNING 1", groupId, userId).length > 0)
            this.digest ^= digestOf("member", groupId, userId);
    }

    /** Merges changed attributes, including those of equal versions: all rows of one request have one version. */
    private update(kind: Kind, { id, version, after }: Resource): void {
        const held = this.read(kind, id);
        if (held && version >= held.version) this.put(kind, { id, version, after: { ...held.attributes, ...after } });
    }

    /**
     * Deletes a user or group, unless the copy contains the later version of a restored one. The members are removed in
     * either case. If the group was restored, rows that follow add them again.
     */
    private delete(kind: Kind, { id, version }: Resource): void {
        const held = this.read(kind, id);
        if (held && version > held.version) this.remove(kind, id);
        if (kind === "group") this.removeMembers("group_id = ?", id);
    }

    private read(kind: Kind, id: string): { version: number; attributes: Attributes } | undefined {
        type Row = { version: number; attributes: string };
        const [row] = this.rows<Row>(`SELECT version, attributes FROM ${kind}s WHERE id = ?`, id);
        return row && { version: row.version, attributes: JSON.parse(row.attributes) as Attributes };
    }

    private remove(kind: Kind, id: string): void {
        const sql = `DELETE FROM ${kind}s WHERE id = ? RETURNING version`;
        for (const { version } of this.rows<{ version: number }>(sql, id)) this.digest ^= digestOf(kind, id, version);
    }

    private removeMembers(condition: string, ...ids: string[]): void {
        const sql = `DELETE FROM members WHERE ${condition} RETURNING group_id AS g, user_id AS u`;
        for (const { g, u } of this.rows<{ g: string; u: string }>(sql, ...ids)) this.digest ^= digestOf("member", g, u);
    }

    private rows<Row>(sql: string, ...values: SQLInputValue[]): Row[] {
        return this.db.prepare(sql).all(...values) as Row[];
    }
}

/** A client of the source. All requests end with an exception when `stop` is aborted. */
class Source {
    private url: string;
    private key: string;
    private stop: AbortSignal;

    constructor(url: string, key: string, stop: AbortSignal) {
        [this.url, this.key, this.stop] = [url, key, stop];
    }

    /** Returns a page of changes, or undefined if the history after this revision is gone. */
    async changes(after: number, wait: number): Promise<Page | undefined> {
        const timeout = AbortSignal.timeout((wait + 30) * 1000);
        const path = `/changes?after=${after}&limit=500&wait=${wait}`;
        const response = await this.get(path, AbortSignal.any([this.stop, timeout]));
        return response.status === 410 ? undefined : ((await response.json().catch(unavailable)) as Page);
    }

    async *export(): AsyncGenerator<Line> {
        const { body } = await this.get("/export", this.stop);
        let rest = "";
        try {
            for await (const chunk of body?.pipeThrough(new TextDecoderStream()) ?? []) {
                const complete = (rest + chunk).split("\n");
                rest = complete.pop() ?? "";
                for (const line of complete) yield JSON.parse(line) as Line;
            }
        } catch (error) {
            unavailable(error);
        }
    }

    private async get(path: string, signal: AbortSignal): Promise<Response> {
        const headers = { Authorization: `Bearer ${this.key}` };
        const response = await fetch(this.url + path, { headers, signal }).catch(unavailable);
        if (response.ok || response.status === 410) return response;
        const text = `status ${response.status}: ${await response.text().catch(unavailable)}`;
        if (response.status !== 429 && response.status < 500) throw new Error(text);
        throw Object.assign(new Unavailable(text), { retryAfter: Number(response.headers.get("Retry-After")) || 0 });
    }
}

function unavailable(error: unknown): never {
    throw new Unavailable(String(error), { cause: error });
}

/** Replaces the copy in one transaction, so other programs see the old copy until the export is complete. */
async function takeExport(source: Source, copy: Copy): Promise<void> {
    await copy.transaction(async () => {
        copy.clear();
        let start = { revision: 0, epoch: "" };
        for await (const line of source.export()) {
            if (line.resource === "member") copy.addMember(line);
            else if (line.resource !== undefined) copy.put(line.resource, line);
            else if (line.end === undefined) start = line;
            else {
                copy.save({ ...start, digest: copy.hexDigest, consistentFrom: null });
                return console.error(`took an export at revision ${start.revision}`);
            }
        }
        throw new Unavailable("the export is incomplete");
    });
}

/** Applies a page of changes and commits it, unless the digests differ. */
async function applyPage(copy: Copy, position: Position, { items, next, head, epoch, digest }: Page): Promise<void> {
    const consistentFrom = position.consistentFrom ?? head;
    await copy.transaction(() => {
        for (const row of items) copy.apply(row);
        // The digest is null if the change was recorded by a release without digests.
        if (next >= consistentFrom && digest !== null && digest !== copy.hexDigest)
            throw new Error(`revision ${next}: the copy has digest ${copy.hexDigest}, the source ${digest}`);
        copy.save({ revision: next, epoch, digest: copy.hexDigest, consistentFrom });
    });
    if (items.some((row) => row.type === "user.erased")) copy.checkpoint();
}

/** Takes an export or applies a page of changes. Returns whether the copy has reached the head. */
async function step(source: Source, copy: Copy, wait: number): Promise<boolean> {
    const position = copy.position();
    if (position) {
        const page = await source.changes(position.revision, wait);
        if (page && page.epoch === position.epoch) {
            await applyPage(copy, position, page);
            return page.next === page.head;
        }
        console.error("the history after this position is gone");
    }
    await takeExport(source, copy);
    return false;
}

/** Repeats an attempt with exponential backoff until the server responds. */
async function retrying<T>(attempt: () => Promise<T>, stop: AbortSignal): Promise<T> {
    for (let pause = FIRST_PAUSE; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
        try {
            return await attempt();
        } catch (error) {
            if (!(error instanceof Unavailable) || stop.aborted) throw error;
            const wait = Math.max(error.retryAfter, pause * (0.5 + Math.random() / 2));
            console.error(`${error.message}; retrying in ${wait.toFixed(1)} s`);
            await sleep(wait * 1000, undefined, { signal: stop });
        }
    }
}

async function main(): Promise<void> {
    const { values } = parseArgs({
        options: {
            url: { type: "string" },
            "key-env": { type: "string", default: "ROSTER_KEY" },
            database: { type: "string" },
            once: { type: "boolean", default: false },
        },
    });
    const key = process.env[values["key-env"]];
    if (!values.url || !values.database || !key) throw new Error("--url, --database and the key are required");
    const stop = new AbortController();
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => stop.abort());
    const source = new Source(values.url, key, stop.signal);
    const copy = new Copy(values.database);
    try {
        const wait = values.once ? 0 : WAIT;
        while (!((await retrying(() => step(source, copy, wait), stop.signal)) && values.once));
        console.error("reached the head:", copy.position());
    } catch (error) {
        if (!stop.signal.aborted) throw error; // A transaction that was in progress has been rolled back.
    } finally {
        copy.close();
    }
}

await main();
