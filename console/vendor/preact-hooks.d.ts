// What the console uses of preact/hooks 10.
type Update<T> = T | ((before: T) => T);
export function useState<T>(initial: T | (() => T)): [T, (value: Update<T>) => void];
export function useReducer<S, A, I>(reduce: (state: S, action: A) => S, initial: I, init: (initial: I) => S): [S, (action: A) => void];
export function useEffect(effect: () => void | (() => void), inputs?: unknown[]): void;
export function useMemo<T>(make: () => T, inputs: unknown[]): T;
export function useCallback<F extends (...values: any[]) => any>(callback: F, inputs: unknown[]): F;
export function useRef<T>(initial: T): { current: T };
