/** A compiled WGSL program. */
export interface Program {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** Programs by what names their code, each with what writes it. */
export type NamedPrograms = ReadonlyMap<string, () => string>;

/** The compiled programs of a device, by what names their code. */
export class Programs {
  private readonly device: GPUDevice;
  private readonly compiled = new Map<string, Program>();
  /** Filled in place of compiling, while programs are only named. */
  private named: Map<string, () => string> | null = null;

  constructor(device: GPUDevice) {
    this.device = device;
  }

  get names(): readonly string[] {
    return [...this.compiled.keys()];
  }

  /** A program, compiled unless it is there; null while programs are only named. */
  get(key: string, code: () => string): Program | null {
    if (this.named) {
      this.named.set(key, code);
      return null;
    }
    return this.compiled.get(key) ?? this.keep(key, this.device.createComputePipeline(this.describe(key, code)));
  }

  /** The programs that a body would run. */
  namedBy(body: () => void): NamedPrograms {
    const named = new Map<string, () => string>();
    this.named = named;
    try {
      body();
    } finally {
      this.named = null;
    }
    return named;
  }

  /** Compiles side by side what is not there yet. What does not compile says so when it is used. */
  async compile(named: NamedPrograms): Promise<void> {
    const missing = [...named].filter(([key]) => !this.compiled.has(key));
    await Promise.allSettled(
      missing.map(async ([key, code]) =>
        this.keep(key, await this.device.createComputePipelineAsync(this.describe(key, code))),
      ),
    );
  }

  private describe(key: string, code: () => string): GPUComputePipelineDescriptor {
    const module = this.device.createShaderModule({ code: code(), label: key });
    return { layout: 'auto', compute: { module }, label: key };
  }

  private keep(key: string, pipeline: GPUComputePipeline): Program {
    const program = { pipeline, layout: pipeline.getBindGroupLayout(0) };
    this.compiled.set(key, program);
    return program;
  }
}
