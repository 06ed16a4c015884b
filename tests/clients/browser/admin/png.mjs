// Reduces a screenshot to at most 64 colours, which makes its file several times smaller. Reads and writes PNG files with
// 8 bits per channel, without interlacing, as Chromium writes them.
import { crc32, deflateSync, inflateSync } from "node:zlib";

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const MOST_COLOURS = 64;

/** @param {Buffer} png @returns {Buffer} */
export function reduced(png) {
    const { width, height, channels, data } = read(png);
    const pixels = pixelsOf(unfiltered(data, width, height, channels), channels);
    const { palette, indexes } = indexed(pixels);
    return write(width, height, palette, indexes);
}

function read(png) {
    const parts = [];
    let header;
    for (let at = SIGNATURE.length; at < png.length; at += 12 + png.readUInt32BE(at)) {
        const type = png.toString("latin1", at + 4, at + 8);
        const body = png.subarray(at + 8, at + 8 + png.readUInt32BE(at));
        if (type === "IHDR") header = { width: body.readUInt32BE(0), height: body.readUInt32BE(4), channels: body[9] === 6 ? 4 : 3 };
        if (type === "IDAT") parts.push(body);
    }
    return { ...header, data: inflateSync(Buffer.concat(parts)) };
}

/** Undoes the filters of PNG (section 9 of its specification). */
function unfiltered(data, width, height, channels) {
    const stride = width * channels;
    const out = Buffer.alloc(stride * height);
    for (let y = 0; y < height; y += 1) {
        const filter = data[y * (stride + 1)];
        for (let x = 0; x < stride; x += 1) {
            const i = y * stride + x;
            const left = x >= channels ? out[i - channels] : 0;
            const up = y ? out[i - stride] : 0;
            const corner = y && x >= channels ? out[i - stride - channels] : 0;
            const predicted = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter];
            out[i] = data[y * (stride + 1) + 1 + x] + predicted;
        }
    }
    return out;
}

function paeth(left, up, corner) {
    const estimate = left + up - corner;
    const [a, b, c] = [left, up, corner].map((value) => Math.abs(estimate - value));
    if (a <= b && a <= c) return left;
    return b <= c ? up : corner;
}

/** The pixels as numbers, without transparency. */
function pixelsOf(bytes, channels) {
    const pixels = new Uint32Array(bytes.length / channels);
    for (let i = 0; i < pixels.length; i += 1) pixels[i] = bytes.readUIntBE(i * channels, 3);
    return pixels;
}

/** The most frequent colours, strong ones before shades of grey, and for each pixel the index of the nearest one. */
function indexed(pixels) {
    const counts = new Map();
    for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
    const rank = new Map([...counts].map(([colour, count]) => [colour, count * (1 + chroma(colour))]));
    const palette = [...rank].sort(([, a], [, b]) => b - a).slice(0, MOST_COLOURS).map(([colour]) => colour);
    const nearest = new Map(palette.map((colour, i) => [colour, i]));
    for (const colour of counts.keys()) if (!nearest.has(colour)) nearest.set(colour, nearestTo(colour, palette));
    return { palette, indexes: Uint8Array.from(pixels, (pixel) => nearest.get(pixel)) };
}

const channelsOf = (colour) => [16, 8, 0].map((shift) => (colour >> shift) & 255);

function chroma(colour) {
    const channels = channelsOf(colour);
    return Math.max(...channels) - Math.min(...channels);
}

function nearestTo(colour, palette) {
    const own = channelsOf(colour);
    const distances = palette.map((other) => channelsOf(other).reduce((sum, value, i) => sum + (value - own[i]) ** 2, 0));
    return distances.indexOf(Math.min(...distances));
}

function write(width, height, palette, indexes) {
    const header = Buffer.alloc(13);
    header.writeUInt32BE(width, 0);
    header.writeUInt32BE(height, 4);
    header.set([8, 3], 8); // Indexes of 8 bits.
    const rows = Buffer.alloc((width + 1) * height);
    for (let y = 0; y < height; y += 1) rows.set(indexes.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
    const colours = Buffer.alloc(palette.length * 3);
    palette.forEach((colour, i) => colours.writeUIntBE(colour, i * 3, 3));
    return Buffer.concat([SIGNATURE, chunk("IHDR", header), chunk("PLTE", colours), chunk("IDAT", deflateSync(rows, { level: 9, memLevel: 9 })), chunk("IEND", Buffer.alloc(0))]);
}

function chunk(type, body) {
    const content = Buffer.concat([Buffer.from(type, "latin1"), body]);
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(body.length);
    check.writeUInt32BE(crc32(content));
    return Buffer.concat([length, content, check]);
}
