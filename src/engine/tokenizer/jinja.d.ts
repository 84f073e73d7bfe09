/** What is used of @huggingface/jinja, whose own declarations name their files in a way that NodeNext does not resolve. */
declare module '@huggingface/jinja' {
  export interface RuntimeValue {
    readonly value: unknown;
  }
  export class Environment {
    set(name: string, value: unknown): RuntimeValue;
  }
  export class Template {
    readonly parsed: unknown;
    constructor(template: string);
  }
  export class Interpreter {
    constructor(environment: Environment);
    run(program: unknown): RuntimeValue;
    evaluate(statement: unknown, environment: Environment): RuntimeValue;
  }
}
