// What the console uses of preact 10.
export function h(type: any, props: any, ...children: any[]): any;
export function render(tree: any, parent: Element): void;
