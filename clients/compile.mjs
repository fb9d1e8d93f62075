/** Writes the client as JavaScript, for programs that get it as a package: Node runs no TypeScript of a package. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join } from 'node:path';
import process from 'node:process';

const [, , source, target] = process.argv;
const IMPORTED = /((?:from|import)\s*['"]\.[^'"]*)\.ts(['"])/g;

for (const name of readdirSync(source, { recursive: true })) {
    if (!name.endsWith('.ts')) continue;
    const script = stripTypeScriptTypes(readFileSync(join(source, name), 'utf8'), { mode: 'transform' });
    const written = join(target, name.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(written), { recursive: true });
    writeFileSync(written, script.replace(IMPORTED, '$1.js$2'));
}
