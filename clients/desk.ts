/** Connects the generated client to a desk: no digit is lost, and every failed request throws a typed error. */
import { DeskApi } from './apis/DeskApi.ts';
import { type DeskError } from './models/DeskError.ts';
import { Configuration, type ResponseContext } from './runtime.ts';

export * from './index.ts';

/** The desk answered, and not with what was asked for. */
export class DeskFault extends Error {
    readonly status: number;
    readonly problem: DeskError;
    /** Seconds to wait before it is worth trying again; null: trying again does not help. */
    readonly retryAfter: number | null;

    constructor(status: number, problem: DeskError, retryAfter: number | null) {
        super(problem.error ?? problem.problems?.map((one) => one.problem).join('; ') ?? `status ${status}`);
        this.name = 'DeskFault';
        this.status = status;
        this.problem = problem;
        this.retryAfter = retryAfter;
    }
}

export function connect(url: string, token: string): DeskApi {
    return new DeskApi(new Configuration({ basePath: url, accessToken: token, middleware: [{ post: read }] }));
}

async function read(context: ResponseContext): Promise<Response> {
    const response = context.response;
    if (!response.ok) {
        const wait = response.headers.get('retry-after');
        throw new DeskFault(response.status, problemOf(await response.text()), wait === null ? null : Number(wait));
    }
    response.json = async () => parsed(await response.text());
    return response;
}

/** Whole numbers that JavaScript's numbers cannot hold become bigint. */
export function parsed(text: string): any {
    return JSON.parse(text, (_key: string, value: unknown, context?: { source?: string }) => {
        const digits = context?.source;
        const isLost = typeof value === 'number' && !Number.isSafeInteger(value);
        return isLost && digits !== undefined && /^-?\d+$/.test(digits) ? BigInt(digits) : value;
    });
}

/** A proxy on the way may answer with a page instead. */
function problemOf(text: string): DeskError {
    try {
        return JSON.parse(text);
    } catch {
        return { error: text.slice(0, 200) };
    }
}
